/**
 * Decides when a session is refreshed because somebody distrusts it. It is the only owner of that decision: a registry
 * that answers 401 (caches.ts) and a repository found denied (repository-access.ts) share one refresh per interval.
 */
import type { Clock } from "@ocir-broker/foundation";

/** A registry that refuses sessions for a reason of its own, or a policy that never comes, causes no more than this. */
const MIN_SESSION_REFRESH_INTERVAL_MS = 30_000;

interface SessionRefresh {
  /** Monotonic. Groups and policies made before then are known to the session. */
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
      // The promise keeps no session alive.
      latest = { startedAtMs: nowMs, done: refresh().then(() => undefined) };
      latest.done.catch(() => {});
    }
    return latest;
  };
}
