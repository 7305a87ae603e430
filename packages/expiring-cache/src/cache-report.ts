/** What the cache tells: each caller the value, an event for each change, one entry per key for a status page; both without values. */
import type { Expiring } from "@ocir-broker/foundation/expiring";

/** miss: there was no value to serve. renewal: in the background. refresh: a caller distrusts the current value. */
export type FetchReason = "miss" | "renewal" | "refresh";

/**
 * hit: served at once. stale: served at once, but the renewal is overdue and has failed. miss: the call started a
 * fetch. coalesced: the call waited for a fetch that would have run without it.
 */
export type Outcome = "hit" | "stale" | "miss" | "coalesced";

export interface CacheResult<V> {
  readonly entry: Expiring<V>;
  readonly outcome: Outcome;
}

export type CacheEvent =
  | { type: "fetched"; key: string; reason: FetchReason; elapsedMs: number; expiresInMs: number }
  /** `retryInMs`: the earliest time of the next fetch of this key, which starts only if the value is still wanted. */
  | { type: "failed"; key: string; reason: FetchReason; elapsedMs: number; error: unknown; retryInMs: number }
  /** The value may not be served any more, and no new one has arrived. */
  | { type: "expired"; key: string }
  /** The cache removed the key or, if a fetch is under way, only its value. */
  | { type: "dropped"; key: string; cause: "idle" | "evicted" | "withdrawn" };

/** fresh: served. stale: served, but due for renewal and the last attempt failed. In the other states there is no value. */
type CacheEntryState = "fresh" | "stale" | "empty" | "fetching" | "backing-off";

/** Times are on the monotonic clock, in milliseconds. */
export interface CacheEntry {
  readonly key: string;
  readonly state: CacheEntryState;
  readonly pinned: boolean;
  /** Whether any caller has requested the value. A pinned key is fetched even if none has. */
  readonly isAsked: boolean;
  readonly obtainedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** The value is served until then. */
  readonly servableUntilMs: number | undefined;
  /** When the next fetch starts by itself; undefined if one is under way or none is planned. */
  readonly renewAtMs: number | undefined;
  readonly lastSuccessAtMs: number | undefined;
  readonly lastFailureAtMs: number | undefined;
  /** The latest failure; a later success does not clear it. */
  readonly lastError: unknown;
  readonly failuresInARow: number;
  readonly hits: number;
  readonly fetches: number;
  readonly failures: number;
  readonly waiting: number;
}
