/** The node's session: its life and its fetches. */
import type { FetchReason } from "@ocir-broker/expiring-cache/cache-report";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { type ReportingCache, servableTimes, unixSeconds } from "../cache-entries.ts";
import { FETCH_REASONS, FETCH_RESULTS, type FetchResult } from "./fetch-labels.ts";
import type { MetricSet } from "./metric-set.ts";

/** @param hasIdentity without one there is no session, so that its times have no series. */
export function createSessionMetrics({ counter, gauge }: MetricSet, clock: Clock, hasIdentity: boolean) {
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
    read(sessions: ReportingCache): void {
      if (!hasIdentity) {
        for (const metric of [expiry, obtained]) metric.remove();
        return;
      }
      const [session] = sessions.entries();
      const times = session && servableTimes(session, clock.monotonicMs());
      expiry.set(times ? unixSeconds(times.expiresAtMs, clock) : 0);
      obtained.set(times ? unixSeconds(times.obtainedAtMs, clock) : 0);
    },
  };
}
