/** Functions of a cache's entries that health and metrics share. The times of an entry are on the monotonic clock. */
import type { CacheEntry } from "@ocir-broker/expiring-cache/cache-report";
import type { RefreshAheadCache } from "@ocir-broker/expiring-cache/refresh-ahead-cache";
import type { Clock } from "@ocir-broker/foundation/time/clock";

export type ReportingCache = Pick<RefreshAheadCache<unknown>, "entries">;

/** Times of the value; undefined without one that can be served. */
export function servableTimes({ obtainedAtMs, expiresAtMs, servableUntilMs }: CacheEntry, nowMs: number) {
  const isServable = servableUntilMs !== undefined && nowMs < servableUntilMs;
  if (!isServable || obtainedAtMs === undefined || expiresAtMs === undefined) return undefined;
  return { obtainedAtMs, expiresAtMs };
}

/**
 * A host that has never worked matters only if it is pinned and requested. One that is not pinned is a mistake in an image's
 * name; one that is never requested, such as the home region's default name in a realm without it, does no harm.
 */
export function isOfInterest({ pinned, isAsked, lastSuccessAtMs }: CacheEntry): boolean {
  return lastSuccessAtMs !== undefined || (pinned && isAsked);
}

export function unixSeconds(atMs: number, clock: Clock): number {
  return (atMs + (clock.wallMs() - clock.monotonicMs())) / 1_000;
}
