/** Functions of a cache's entries that health and metrics share. The times of an entry are on the monotonic clock. */
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { CacheEntry } from "@ocir-broker/expiring-cache/cache-report";
import type { ExpiringCache } from "@ocir-broker/expiring-cache/expiring-cache";
import type { Clock } from "@ocir-broker/foundation/time/clock";

export type ReportingCache = Pick<ExpiringCache<unknown>, "entries">;

/** Times of the value; undefined without one that can be served. */
export function servableTimes({ obtainedAtMs, expiresAtMs, servableUntilMs }: CacheEntry, nowMs: number) {
  const isServable = servableUntilMs !== undefined && nowMs < servableUntilMs;
  if (!isServable || obtainedAtMs === undefined || expiresAtMs === undefined) return undefined;
  return { obtainedAtMs, expiresAtMs };
}

/**
 * A host that has never worked is listed, and delays readiness, only if it is requested: the home region's default name may not exist.
 * A name that does not exist is a mistake in an image's name.
 */
export function isOfInterest({ pinned, isAsked, lastError, lastSuccessAtMs }: CacheEntry): boolean {
  return lastSuccessAtMs !== undefined || (isAsked && (pinned || codeOf(lastError) !== "name-not-found"));
}

export function unixSeconds(atMs: number, clock: Clock): number {
  return (atMs + (clock.wallMs() - clock.monotonicMs())) / 1_000;
}
