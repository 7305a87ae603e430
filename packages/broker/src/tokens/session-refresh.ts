/**
 * Decides when to refresh a session that a caller distrusts. A registry that answers 401 (caches.ts) and a denied repository
 * (repository-access.ts) share one refresh per interval.
 */
import type { Clock } from "@ocir-broker/foundation";

/** Limits the refreshes that a misbehaving registry, or a policy that never comes, can cause. */
const MIN_SESSION_REFRESH_INTERVAL_MS = 30_000;

interface SessionRefresh {
  /** Monotonic. The session knows groups and policies created before this time. */
  readonly startedAtMs: number;
  /** Rejects if there is no newer session; the live one stays. */
  readonly done: Promise<void>;
}

/** Starts a refresh, or returns the latest one if it started less than the interval ago. */
export type RefreshSession = () => SessionRefresh;

export function createSessionRefresh(options: {
  readonly clock: Clock;
  readonly refresh: () => Promise<unknown>;
}): RefreshSession {
  const { clock, refresh } = options;
  let latest: SessionRefresh | undefined;
  return () => {
    const nowMs = clock.monotonicMs();
    if (latest === undefined || nowMs - latest.startedAtMs >= MIN_SESSION_REFRESH_INTERVAL_MS) {
      // Resolves without the session, so that the promise keeps no old session in memory.
      latest = { startedAtMs: nowMs, done: refresh().then(() => undefined) };
      latest.done.catch(() => {});
    }
    return latest;
  };
}
