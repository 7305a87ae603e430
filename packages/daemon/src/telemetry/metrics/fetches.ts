/** Tokens and sessions: their lives, and their fetches, also those for service accounts and denied repositories. */
import type { FetchReason } from "@ocir-broker/expiring-cache/cache-report";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { isOfInterest, type ReportingCache, servableTimes, unixSeconds } from "../cache-entries.ts";
import { HOST, type MetricSet } from "./metric-set.ts";

const FETCH_REASONS: readonly FetchReason[] = ["miss", "renewal", "refresh"];

export const FETCH_RESULTS = ["success", "failure"] as const;
export type FetchResult = (typeof FETCH_RESULTS)[number];

export function createTokenMetrics({ counter, gauge, nameRegistry, registryLabel }: MetricSet, clock: Clock) {
  const expiry = gauge({
    name: "ocir_broker_token_expiry_timestamp_seconds",
    help: "End of the live token's life, Unix time.",
    labelNames: ["registry"],
  });
  const obtained = gauge({
    name: "ocir_broker_token_obtained_timestamp_seconds",
    help: "When the live token was obtained, Unix time.",
    labelNames: ["registry"],
  });
  const lastSuccess = gauge({
    name: "ocir_broker_token_last_success_timestamp_seconds",
    help: "When a token was last fetched, Unix time; stays when the token ends, 0 before the first.",
    labelNames: ["registry"],
  });
  const fetches = counter({
    name: "ocir_broker_token_fetches_total",
    help: "Token fetches by reason (miss, renewal, refresh) and result (success, failure).",
    labels: { registry: [HOST], reason: FETCH_REASONS, result: FETCH_RESULTS },
  });

  return {
    fetched: (reason: FetchReason, result: FetchResult, registryHost: string) =>
      fetches.inc({ registry: registryLabel(registryHost), reason, result }),
    read(tokens: ReportingCache): void {
      for (const metric of [expiry, obtained, lastSuccess]) metric.reset();
      const oldest = new Map<string, number>();
      for (const { key, lastSuccessAtMs, pinned } of tokens.entries().filter(isOfInterest)) {
        // A token from before a restart needs this too: this process may not have contacted its host yet.
        if (pinned || lastSuccessAtMs !== undefined) nameRegistry(key);
        const registry = registryLabel(key);
        const atSeconds = lastSuccessAtMs === undefined ? 0 : unixSeconds(lastSuccessAtMs, clock);
        oldest.set(registry, Math.min(atSeconds, oldest.get(registry) ?? atSeconds));
      }
      for (const [registry, atSeconds] of oldest) lastSuccess.set({ registry }, atSeconds);
      for (const entry of tokens.entries()) {
        const times = servableTimes(entry, clock.monotonicMs());
        if (times === undefined) continue;
        const registry = registryLabel(entry.key);
        expiry.set({ registry }, unixSeconds(times.expiresAtMs, clock));
        obtained.set({ registry }, unixSeconds(times.obtainedAtMs, clock));
      }
    },
  };
}

export function createAccessMetrics({ counter, registryLabel }: MetricSet) {
  const refreshes = counter({
    name: "ocir_broker_access_refreshes_total",
    help: "Times session and token were refreshed because a repository was denied.",
    labels: { registry: [HOST] },
  });

  return {
    refreshed: (registryHost: string) => refreshes.inc({ registry: registryLabel(registryHost) }),
  };
}

export function createServiceAccountMetrics({ counter }: MetricSet) {
  const fetches = counter({
    name: "ocir_broker_service_account_fetches_total",
    help: "Fetches for service accounts by kind (session, token), reason (miss, renewal, refresh) and result (success, failure).",
    labels: { kind: ["session", "token"], reason: FETCH_REASONS, result: FETCH_RESULTS },
  });

  return {
    /** `kind`: a session by token exchange, or a registry token. */
    fetched: (kind: "session" | "token", reason: FetchReason, result: FetchResult) =>
      fetches.inc({ kind, reason, result }),
  };
}

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
