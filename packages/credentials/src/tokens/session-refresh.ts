/**
 * Decides when to refresh a session that a caller distrusts. A registry or identity domain that answers 401 and a denied repository
 * (repository-access.ts) share each refresh, and its rate limit.
 */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { SigningSession } from "@ocir-broker/identity/identity-provider";

/** One refresh per interval on average: limits what a misbehaving registry, or a policy that never comes, can cause. */
const INTERVAL_MS = 30_000;
/** Two may be this close: a kubelet sends a second request just after a denied pull, and pulls again 10 s later. */
const MIN_SPACING_MS = 10_000;

interface SessionRefresh {
  /** Monotonic. The session knows groups and policies created before this time. */
  readonly startedAtMs: number;
  /** Rejects if there is no newer session; the live one stays. */
  readonly done: Promise<void>;
}

/** Starts a refresh, or returns the latest one if the rate limit allows no other. */
export type RefreshSession = () => SessionRefresh;

export function createSessionRefresh(options: {
  readonly clock: Clock;
  readonly refresh: () => Promise<unknown>;
}): RefreshSession {
  const { clock, refresh } = options;
  let latest: SessionRefresh | undefined;
  /** When the next one would be due at an even rate; one interval of credit allows it earlier. */
  let dueAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = clock.monotonicMs();
    const earliestMs =
      latest === undefined ? nowMs : Math.max(latest.startedAtMs + MIN_SPACING_MS, dueAtMs - INTERVAL_MS);
    if (latest === undefined || nowMs >= earliestMs) {
      dueAtMs = Math.max(nowMs, dueAtMs) + INTERVAL_MS;
      // Resolves without the session, so that the promise keeps no old session in memory.
      latest = { startedAtMs: nowMs, done: refresh().then(() => undefined) };
      latest.done.catch(() => {});
    }
    return latest;
  };
}

/** A session newer than `refused`: the live one, or a refreshed one. Undefined if there is none. */
export async function sessionAfter(
  refused: Expiring<SigningSession>,
  peek: () => Expiring<SigningSession> | undefined,
  refreshSession: RefreshSession,
): Promise<Expiring<SigningSession> | undefined> {
  const newer = (): Expiring<SigningSession> | undefined => {
    const live = peek();
    return live === refused ? undefined : live;
  };
  return newer() ?? refreshSession().done.then(newer, () => undefined);
}
