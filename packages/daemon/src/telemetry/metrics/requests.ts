/** Requests for credentials, and those to upstreams: results and durations. */
import { type Decision, REQUEST_OUTCOMES } from "@ocir-broker/credentials/pulls/decision";
import { UPSTREAM_RESULTS, type UpstreamResult } from "@ocir-broker/credentials/tokens/upstreams";
import { OwnError } from "@ocir-broker/errors/describe-error";
import { HOST, type MetricSet } from "./metric-set.ts";

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
    help: "Failures for service accounts that got the anonymous entry, by code.",
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
    served({ outcome, error }: Decision, elapsedMs: number): void {
      requests.inc({ outcome });
      if (outcome === "anonymous") anonymous.inc({ code: error instanceof OwnError ? error.code : "internal" });
      seconds.observe({ outcome }, elapsedMs / 1_000);
    },
  };
}

/** The services with a fixed label; a registry's label is its host. */
const SERVICES = ["metadata", "auth", "cluster", "domain"] as const;

const UPSTREAM_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createUpstreamMetrics({ counter, histogram, nameRegistry, registryLabel }: MetricSet) {
  const requests = counter({
    name: "ocir_broker_upstream_requests_total",
    help: "Requests to metadata, auth, cluster, domain or a registry host by result: a status, its class, or failed without a response.",
    labels: { upstream: [...SERVICES, HOST], result: UPSTREAM_RESULTS },
  });
  const seconds = histogram({
    name: "ocir_broker_upstream_duration_seconds",
    help: "Time of one request to metadata, auth, cluster, domain or a registry host.",
    labelNames: ["upstream"],
    buckets: UPSTREAM_BUCKETS,
  });

  function record(upstream: string, result: UpstreamResult, elapsedMs: number): void {
    requests.inc({ upstream, result });
    seconds.observe({ upstream }, elapsedMs / 1_000);
  }

  return {
    serviceAnswered: (service: (typeof SERVICES)[number], result: UpstreamResult, elapsedMs: number) =>
      record(service, result, elapsedMs),
    registryAnswered(registryHost: string, result: UpstreamResult, elapsedMs: number): void {
      if (result === "2xx") nameRegistry(registryHost);
      record(registryLabel(registryHost), result, elapsedMs);
    },
  };
}
