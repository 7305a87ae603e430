/**
 * What a renewer holds and does, as a union of small objects, and what follows from it at one instant: what there
 * is to answer with, when the next fetch is due, what for. Changes nothing, starts nothing.
 */
import type { Expiring } from "@ocir-broker/foundation";
import type { Attempt } from "./attempt.ts";
import type { FetchReason } from "./cache-report.ts";
import { servableUntilMs } from "./renewal-policy.ts";
import type { Waiters } from "./waiters.ts";

export interface CachedValue<V> {
  readonly entry: Expiring<V>;
  readonly servableUntilMs: number;
  readonly renewAtMs: number;
  /** Whether its end was reported as an event. */
  isExpiryReported: boolean;
  /** Handed out, but whatever comes next is better. */
  readonly isOutdated: boolean;
}

/** The failures since the last success. */
interface Failure {
  readonly error: unknown;
  readonly retryable: boolean;
  readonly failures: number;
}

/** `untilMs`: no fetch starts before. */
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
  /** Shared by all who have asked for a refresh and not been answered. */
  refreshing: PromiseWithResolvers<Expiring<V>> | undefined;
}

/** What there is to answer with. */
export type Availability<V> =
  | { readonly kind: "fresh" | "stale"; readonly entry: Expiring<V> }
  /** Nothing to hand out, and nothing stands against a fetch. */
  | { readonly kind: "empty" }
  | { readonly kind: "fetching" }
  /** `planned`: the next attempt comes even if nobody else asks. */
  | ({ readonly kind: "backing-off"; readonly untilMs: number; readonly planned: boolean } & Failure);

export const NEVER = Number.POSITIVE_INFINITY;

export function availabilityOf<V>(state: EntryState<V>, nowMs: number): Availability<V> {
  const { activity, cached, failure } = state;
  if (cached !== undefined && nowMs < cached.servableUntilMs) {
    // A refresh that failed before the renewal is due says nothing against the value.
    return { kind: failure !== undefined && nowMs >= cached.renewAtMs ? "stale" : "fresh", entry: cached.entry };
  }
  if (activity.kind === "fetching") return { kind: "fetching" };
  if (failure !== undefined && activity.kind === "backing-off" && nowMs < activity.untilMs) {
    return { kind: "backing-off", untilMs: activity.untilMs, planned: fetchDueMs(state) !== NEVER, ...failure };
  }
  return { kind: "empty" };
}

/** When the next fetch is to start; NEVER while one is under way, and for a key that nobody waits for and that never had a value. */
export function fetchDueMs<V>({ activity, cached, pinned, waiters, refreshing }: EntryState<V>): number {
  if (activity.kind === "fetching" || activity.kind === "closed") return NEVER;
  if (waiters.size > 0 || refreshing !== undefined) return activity.untilMs;
  if (cached !== undefined) return Math.max(cached.renewAtMs, activity.untilMs);
  return pinned ? activity.untilMs : NEVER;
}

/** When it is to be told that the value may not be handed out any more. */
export function expiryDueMs<V>({ activity, cached }: EntryState<V>): number {
  return activity.kind === "closed" || cached === undefined || cached.isExpiryReported ? NEVER : cached.servableUntilMs;
}

export function fetchReason<V>({ cached, waiters, refreshing }: EntryState<V>): FetchReason {
  if (waiters.size > 0) return "miss";
  if (refreshing !== undefined) return "refresh";
  return cached === undefined ? "miss" : "renewal";
}

/** Whether a fetch is under way or somebody waits for one. */
export function isBusy<V>({ activity, waiters, refreshing }: EntryState<V>): boolean {
  return activity.kind === "fetching" || waiters.size > 0 || refreshing !== undefined;
}

/** By its real end and by its time to be handed out: one fetched later has a smaller margin, which makes it no better. */
export function isOutlivedBy<V>({ cached }: EntryState<V>, entry: Expiring<V>, nowMs: number): boolean {
  if (cached === undefined || cached.isOutdated || nowMs >= cached.servableUntilMs) return true;
  return entry.expiresAtMs > cached.entry.expiresAtMs && servableUntilMs(entry) > cached.servableUntilMs;
}
