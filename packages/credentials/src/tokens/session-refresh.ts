/**
 * Decides when to refresh a session that a caller distrusts. A registry or identity domain that answers 401 and a denied repository
 * (repository-access.ts) share each refresh, and its rate limit.
 */
import type { ExpiringCache } from "@ocir-broker/expiring-cache/expiring-cache";
import { ORACLE_LIMITS } from "@ocir-broker/foundation/oracle-limits";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { Sessions, SigningSession } from "@ocir-broker/identity/identity-provider";

/** The only key of a cache of sessions. */
export const SESSION = "session";

const { intervalMs, minSpacingMs } = ORACLE_LIMITS.sessionRefresh;

interface SessionRefresh {
  /** Monotonic. The session knows groups and policies created before this time. */
  readonly startedAtMs: number;
  /** Rejects if there is no newer session; the live one stays. */
  readonly done: Promise<void>;
}

/** Starts a refresh, or returns the latest one if the rate limit allows no other. */
export type RefreshSession = () => SessionRefresh;

export function createSessionRefresh(clock: Clock, refresh: () => Promise<unknown>): RefreshSession {
  let latest: SessionRefresh | undefined;
  /** When the next one would be due at an even rate; one interval of credit allows it earlier. */
  let dueAtMs = -Infinity;
  return () => {
    const nowMs = clock.monotonicMs();
    const earliestMs = latest === undefined ? nowMs : Math.max(latest.startedAtMs + minSpacingMs, dueAtMs - intervalMs);
    if (latest === undefined || nowMs >= earliestMs) {
      dueAtMs = Math.max(nowMs, dueAtMs) + intervalMs;
      // Resolves without the session, so that the promise keeps no old session in memory.
      latest = { startedAtMs: nowMs, done: refresh().then(() => undefined) };
      latest.done.catch(() => {});
    }
    return latest;
  };
}

/** The sessions of a cache. Waits at most `waitMs` for the first one; a newer one is the live or a refreshed one. */
export function sessionsIn(
  cache: Pick<ExpiringCache<SigningSession>, "get" | "peek">,
  refreshSession: RefreshSession,
  waitMs: number,
): Sessions {
  return {
    live: async () => (await cache.get(SESSION, { waitMs })).entry,
    async newerThan(refused) {
      const newer = () => {
        const live = cache.peek(SESSION);
        return live === refused ? undefined : live;
      };
      return newer() ?? refreshSession().done.then(newer, () => undefined);
    },
  };
}
