/**
 * What a renewer holds and does, as a union of small objects, and what follows from it at one instant: what there
 * is to answer with, when the next fetch is due, what for. Changes nothing, starts nothing.
 */
import type { Expiring } from "@ocir-broker/foundation";
import type { Attempt } from "./attempt.ts";
import type { FetchReason } from "./cache-report.ts";
import { servableUntilMs } from "./renewal-policy.ts";
import type { Waiters } from "./waiters.ts";

export interface Held<V> {
  readonly entry: Expiring<V>;
  readonly servableUntilMs: number;
  readonly renewAtMs: number;
  /** That it may not be handed out any more. */
  isEndTold: boolean;
  /** Handed out, but whatever comes next is better. */
  readonly isOutdated: boolean;
}

/** The failures since the last success. */
interface Trouble {
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

export interface Condition<V> {
  activity: Activity;
  held: Held<V> | undefined;
  trouble: Trouble | undefined;
  kept: boolean;
  readonly waiters: Waiters<V>;
  /** Shared by all who have asked for a refresh and not been answered. */
  refreshing: PromiseWithResolvers<Expiring<V>> | undefined;
}

/** What there is to answer with. */
export type RenewerState<V> =
  | { readonly kind: "fresh" | "stale"; readonly entry: Expiring<V> }
  /** Nothing to hand out, and nothing stands against a fetch. */
  | { readonly kind: "empty" }
  | { readonly kind: "fetching" }
  /** `planned`: the next attempt comes even if nobody else asks. */
  | ({ readonly kind: "backing-off"; readonly untilMs: number; readonly planned: boolean } & Trouble);

export const NEVER = Number.POSITIVE_INFINITY;

export function stateOf<V>(condition: Condition<V>, nowMs: number): RenewerState<V> {
  const { activity, held, trouble } = condition;
  if (held !== undefined && nowMs < held.servableUntilMs) {
    // A refresh that failed before the renewal is due says nothing against the value.
    return { kind: trouble !== undefined && nowMs >= held.renewAtMs ? "stale" : "fresh", entry: held.entry };
  }
  if (activity.kind === "fetching") return { kind: "fetching" };
  if (trouble !== undefined && activity.kind === "backing-off" && nowMs < activity.untilMs) {
    return { kind: "backing-off", untilMs: activity.untilMs, planned: fetchDueMs(condition) !== NEVER, ...trouble };
  }
  return { kind: "empty" };
}

/** When the next fetch is to start; NEVER while one is under way, and for a key that nobody waits for and that never had a value. */
export function fetchDueMs<V>({ activity, held, kept, waiters, refreshing }: Condition<V>): number {
  if (activity.kind === "fetching" || activity.kind === "closed") return NEVER;
  if (waiters.size > 0 || refreshing !== undefined) return activity.untilMs;
  if (held !== undefined) return Math.max(held.renewAtMs, activity.untilMs);
  return kept ? activity.untilMs : NEVER;
}

/** When it is to be told that the value may not be handed out any more. */
export function expiryDueMs<V>({ activity, held }: Condition<V>): number {
  return activity.kind === "closed" || held === undefined || held.isEndTold ? NEVER : held.servableUntilMs;
}

export function fetchReason<V>({ held, waiters, refreshing }: Condition<V>): FetchReason {
  if (waiters.size > 0) return "miss";
  if (refreshing !== undefined) return "refresh";
  return held === undefined ? "miss" : "renewal";
}

/** Whether a fetch is under way or somebody waits for one. */
export function isBusy<V>({ activity, waiters, refreshing }: Condition<V>): boolean {
  return activity.kind === "fetching" || waiters.size > 0 || refreshing !== undefined;
}

/** By its real end and by its time to be handed out: one fetched later has a smaller margin, which makes it no better. */
export function isOutlivedBy<V>({ held }: Condition<V>, entry: Expiring<V>, nowMs: number): boolean {
  if (held === undefined || held.isOutdated || nowMs >= held.servableUntilMs) return true;
  return entry.expiresAtMs > held.entry.expiresAtMs && servableUntilMs(entry) > held.servableUntilMs;
}
