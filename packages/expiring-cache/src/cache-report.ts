/** What the cache tells about itself: events as they happen, and one line a key for a status page. Never a value. */

/** miss: there was nothing to hand out. renewal: a successor in time. refresh: somebody asked for a newer one. */
export type FetchReason = "miss" | "renewal" | "refresh";

export type CacheEvent =
  | { type: "fetched"; key: string; reason: FetchReason; elapsedMs: number; expiresInMs: number }
  /** `retryInMs`: no fetch for this key before; whether there is one then depends on who still wants the value. */
  | { type: "failed"; key: string; reason: FetchReason; elapsedMs: number; error: unknown; retryInMs: number }
  /** A value may not be handed out any more, and its successor is not there. */
  | { type: "expired"; key: string }
  /** The cache has forgotten the key or, where a fetch is under way, its value. */
  | { type: "dropped"; key: string; cause: "idle" | "evicted" | "withdrawn" };

/** fresh: handed out. stale: handed out too, but due for renewal and the last attempt failed. Others: no value. */
export type CacheEntryState = "fresh" | "stale" | "empty" | "fetching" | "backing-off";

/** Times are on the monotonic clock, in milliseconds. */
export interface CacheEntry {
  readonly key: string;
  readonly state: CacheEntryState;
  readonly pinned: boolean;
  /** Whether any caller has asked for the value. A kept key is fetched without. */
  readonly isAsked: boolean;
  readonly obtainedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** Until when the value is handed out. */
  readonly servableUntilMs: number | undefined;
  /** When the next fetch starts by itself; undefined while one is under way and when none is planned. */
  readonly renewAtMs: number | undefined;
  readonly lastSuccessAtMs: number | undefined;
  readonly lastFailureAtMs: number | undefined;
  /** Of the latest failure, also after a success. */
  readonly lastError: unknown;
  readonly failuresInARow: number;
  readonly hits: number;
  readonly fetches: number;
  readonly failures: number;
  readonly waiting: number;
}
