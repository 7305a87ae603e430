/**
 * The renewer's state as a union of small objects, and what it implies at one instant: the result for a caller, the
 * time and reason of the next fetch, and the entry of a status page. Changes nothing, starts nothing.
 */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Attempt } from "./attempt.ts";
import type { CacheEntry, FetchReason } from "./cache-report.ts";
import { servableUntilMs } from "./renewal-policy.ts";
import type { Waiters } from "./waiters.ts";

export interface CachedValue<V> {
  readonly entry: Expiring<V>;
  readonly servableUntilMs: number;
  readonly renewAtMs: number;
  isExpiryReported: boolean;
  /** Served, but any new value replaces it. */
  readonly isOutdated: boolean;
}

/** The failures since the last success. */
interface Failure {
  readonly error: unknown;
  readonly retryable: boolean;
  readonly failures: number;
}

/** No fetch starts before `untilMs`. */
type Activity =
  | { readonly kind: "resting"; readonly untilMs: number }
  | { readonly kind: "backing-off"; readonly untilMs: number }
  | Attempt
  | { readonly kind: "closed" };

export interface EntryState<V> {
  activity: Activity;
  cached: CachedValue<V> | undefined;
  failure: Failure | undefined;
  pinned: boolean;
  readonly waiters: Waiters<V>;
  /** Shared by all callers whose refresh has not ended. */
  refreshing: PromiseWithResolvers<Expiring<V>> | undefined;
}

export type Availability<V> =
  | { readonly kind: "fresh" | "stale"; readonly entry: Expiring<V> }
  /** There is no value, and a fetch may start now. */
  | { readonly kind: "empty" }
  | { readonly kind: "fetching" }
  /** `planned`: the next attempt starts even without another caller. */
  | ({ readonly kind: "backing-off"; readonly untilMs: number; readonly planned: boolean } & Failure);

export const NEVER = Infinity;

export function availabilityOf<V>(state: EntryState<V>, nowMs: number): Availability<V> {
  const { activity, cached, failure } = state;
  if (cached !== undefined && nowMs < cached.servableUntilMs) {
    // A refresh that failed before the renewal is due does not make the value stale.
    return { kind: failure !== undefined && nowMs >= cached.renewAtMs ? "stale" : "fresh", entry: cached.entry };
  }
  if (activity.kind === "fetching") return { kind: "fetching" };
  if (failure !== undefined && activity.kind === "backing-off" && nowMs < activity.untilMs) {
    return { kind: "backing-off", untilMs: activity.untilMs, planned: fetchDueMs(state) !== NEVER, ...failure };
  }
  return { kind: "empty" };
}

/** When the next fetch starts; NEVER if one is under way, or if the key never had a value and no caller waits for it. */
export function fetchDueMs<V>({ activity, cached, pinned, waiters, refreshing }: EntryState<V>): number {
  if (activity.kind === "fetching" || activity.kind === "closed") return NEVER;
  if (waiters.size > 0 || refreshing !== undefined) return activity.untilMs;
  if (cached !== undefined) return Math.max(cached.renewAtMs, activity.untilMs);
  return pinned ? activity.untilMs : NEVER;
}

/** When the event `expired` is due. */
export function expiryDueMs<V>({ activity, cached }: EntryState<V>): number {
  return activity.kind === "closed" || cached === undefined || cached.isExpiryReported ? NEVER : cached.servableUntilMs;
}

export function fetchReason<V>({ cached, waiters, refreshing }: EntryState<V>): FetchReason {
  if (waiters.size > 0) return "miss";
  if (refreshing !== undefined) return "refresh";
  return cached === undefined ? "miss" : "renewal";
}

/** Compares expiry and serving time: a value fetched later has a smaller skew margin, which does not make it better. */
export function isOutlivedBy<V>({ cached }: EntryState<V>, entry: Expiring<V>, nowMs: number): boolean {
  if (cached === undefined || cached.isOutdated || nowMs >= cached.servableUntilMs) return true;
  return entry.expiresAtMs > cached.entry.expiresAtMs && servableUntilMs(entry) > cached.servableUntilMs;
}

type Recorded = "lastSuccessAtMs" | "lastFailureAtMs" | "lastError" | "isAsked" | "hits" | "fetches" | "failures";

export type TrackRecord = { -readonly [Fact in Recorded]: CacheEntry[Fact] };

export function newRecord(): TrackRecord {
  return {
    lastSuccessAtMs: undefined,
    lastFailureAtMs: undefined,
    lastError: undefined,
    isAsked: false,
    hits: 0,
    fetches: 0,
    failures: 0,
  };
}

export function entryOf<V>(key: string, state: EntryState<V>, record: TrackRecord, nowMs: number): CacheEntry {
  const { cached, pinned, failure, waiters } = state;
  const dueMs = fetchDueMs(state);
  return {
    ...record,
    key,
    state: availabilityOf(state, nowMs).kind,
    pinned,
    obtainedAtMs: cached?.entry.obtainedAtMs,
    expiresAtMs: cached?.entry.expiresAtMs,
    servableUntilMs: cached?.servableUntilMs,
    renewAtMs: dueMs === NEVER ? undefined : dueMs,
    failuresInARow: failure?.failures ?? 0,
    waiting: waiters.size,
  };
}
