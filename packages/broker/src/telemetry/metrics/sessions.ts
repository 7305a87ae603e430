/** The node's session: its life and its fetches. */
import type { FetchReason } from "@ocir-broker/expiring-cache";
import type { Readings } from "../readings.ts";
import { FETCH_REASONS, FETCH_RESULTS, type FetchResult } from "./fetch-labels.ts";
import type { MetricSet } from "./metric-set.ts";

export function createSessionMetrics({ counter, gauge }: MetricSet) {
  const expiry = gauge({
    name: "ocir_broker_session_expiry_timestamp_seconds",
    help: "End of the node's session's life, whatever the identity provider, Unix time; 0 without one.",
  });
  const obtained = gauge({
    name: "ocir_broker_session_obtained_timestamp_seconds",
    help: "When the node's session was obtained, Unix time; 0 without one.",
  });
  const fetches = counter({
    name: "ocir_broker_session_fetches_total",
    help: "Session fetches by reason (miss, renewal, refresh) and result (success, failure).",
    labels: { reason: FETCH_REASONS, result: FETCH_RESULTS },
  });

  return {
    fetched: (reason: FetchReason, result: FetchResult) => fetches.inc({ reason, result }),
    read(readings: Readings): void {
      const session = readings.session();
      expiry.set(session?.expiresAtSeconds ?? 0);
      obtained.set(session?.obtainedAtSeconds ?? 0);
    },
  };
}
