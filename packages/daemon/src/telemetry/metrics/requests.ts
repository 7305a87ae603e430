/** Credential requests: their number and their duration. */
import type { CredentialsResponse } from "@ocir-broker/credentials/pulls/kubelet-credentials";
import { REQUEST_OUTCOMES } from "@ocir-broker/credentials/pulls/request-outcome";
import { errorRowOf } from "@ocir-broker/errors/catalogue";
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { MetricSet } from "./metric-set.ts";

/** A hit takes tens of microseconds, a cold response up to the deadline of 15 s. */
const BUCKETS = [
  0.000_025, 0.000_05, 0.000_1, 0.000_2, 0.000_4, 0.000_8, 0.001_6, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 20,
];

export function createRequestMetrics({ counter, histogram }: MetricSet) {
  const requests = counter({
    name: "ocir_broker_requests_total",
    help: "Credential requests by outcome; coalesced ones waited for a fetch that another request had started.",
    labels: { outcome: REQUEST_OUTCOMES },
  });
  const anonymous = counter({
    name: "ocir_broker_anonymous_responses_total",
    help: "Failures for service accounts that were answered with the anonymous entry, by code.",
    // A series for each of the many codes from the start would be too many; the outcome has one.
    labels: { code: [] },
  });
  const seconds = histogram({
    name: "ocir_broker_request_duration_seconds",
    help: "Time from a credential request's last byte to its response, by outcome.",
    labelNames: ["outcome"],
    buckets: BUCKETS,
  });

  return {
    served({ outcome, failure }: Pick<CredentialsResponse, "outcome" | "failure">, elapsedMs: number): void {
      requests.inc({ outcome });
      if (outcome === "anonymous") anonymous.inc({ code: errorRowOf(codeOf(failure)).code });
      seconds.observe({ outcome }, elapsedMs / 1_000);
    },
  };
}
