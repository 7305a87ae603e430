/** Fetches for service accounts. */
import type { FetchReason } from "@ocir-broker/expiring-cache/cache-report";
import { FETCH_RESULTS, type FetchResult } from "./fetch-labels.ts";
import type { MetricSet } from "./metric-set.ts";

export function createServiceAccountMetrics({ counter }: MetricSet) {
  const fetches = counter({
    name: "ocir_broker_service_account_fetches_total",
    help: "Fetches for service accounts by kind (session, token), reason (miss, renewal) and result (success, failure).",
    labels: { kind: ["session", "token"], reason: ["miss", "renewal"], result: FETCH_RESULTS },
  });

  return {
    /** `kind`: a session by token exchange, or a registry token. */
    fetched: (kind: "session" | "token", reason: FetchReason, result: FetchResult) =>
      fetches.inc({ kind, reason, result }),
  };
}
