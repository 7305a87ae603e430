/** The node's tokens, by registry host: their lives and their fetches. */
import type { FetchReason } from "@ocir-broker/expiring-cache/cache-report";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { isOfInterest, type ReportingCache, servableTimes, unixSeconds } from "../cache-entries.ts";
import { FETCH_REASONS, FETCH_RESULTS, type FetchResult } from "./fetch-labels.ts";
import { HOST, type MetricSet } from "./metric-set.ts";

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
