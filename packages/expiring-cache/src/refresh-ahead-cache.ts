/**
 * Looks up expiring values by key: decides what a caller gets and which keys are remembered.
 *
 * Keys that have or had a value live in an LRU, all others in a separate map, so that failing keys cannot evict a valid
 * value. renewer.ts owns the life of one value; `fetch` owns the upstreams.
 */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Random } from "@ocir-broker/foundation/random";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { LRUCache } from "lru-cache";
import type { Fetch } from "./attempt.ts";
import { CacheError } from "./cache-error.ts";
import type { CacheEntry, CacheEvent } from "./cache-report.ts";
import { servableUntilMs } from "./renewal-policy.ts";
import { Renewer, type RenewerOptions } from "./renewer.ts";

/** A node pulls from a handful of registry hosts; this bounds memory if a client requests thousands. */
const DEFAULT_MAX_ENTRIES = 256;

/** For a cache whose owner has no deadline of its own. */
const DEFAULT_FETCH_LIMIT_MS = 15_000;

/**
 * hit: served at once. stale: served at once, but the renewal is overdue and has failed. miss: the call started a
 * fetch. coalesced: the call waited for a fetch that would have run without it.
 */
export type Outcome = "hit" | "stale" | "miss" | "coalesced";

export interface CacheResult<V> {
  readonly entry: Expiring<V>;
  readonly outcome: Outcome;
}

export interface RefreshAheadCacheOptions<V> {
  readonly fetch: Fetch<V>;
  readonly clock: Clock;
  readonly random: Random;
  /** Called synchronously: must return quickly and must not throw. */
  readonly onEvent?: (event: CacheEvent) => void;
  /** Maximum number of keys with a value, and of keys without one. Default 256. */
  readonly maxEntries?: number;
  /** Time limit of one attempt. Default 15 s. */
  readonly fetchLimitMs?: number;
}

export class RefreshAheadCache<V> {
  readonly #clock: Clock;
  readonly #onEvent: (event: CacheEvent) => void;
  readonly #maxEntries: number;
  readonly #renewerOptions: RenewerOptions<V>;
  /** Keys that have or had a value. The renewer owns their expiry, so lru-cache needs no clock. */
  readonly #valued: LRUCache<string, Renewer<V>>;
  /** Keys that have had no value so far, the oldest first. */
  readonly #cold = new Map<string, Renewer<V>>();
  /** Keys that `pin` names; exempt from `maxEntries`, and never idle. */
  readonly #pinned = new Map<string, Renewer<V>>();
  #isClosed = false;

  constructor(options: RefreshAheadCacheOptions<V>) {
    this.#clock = options.clock;
    this.#onEvent = options.onEvent ?? (() => undefined);
    this.#maxEntries = options.maxEntries ?? DEFAULT_MAX_ENTRIES;
    this.#valued = new LRUCache<string, Renewer<V>>({
      max: this.#maxEntries,
      dispose: (renewer, _key, reason) => {
        if (reason === "evict") this.#onEvicted(renewer);
      },
    });
    this.#renewerOptions = {
      ...options,
      fetchLimitMs: options.fetchLimitMs ?? DEFAULT_FETCH_LIMIT_MS,
      onEvent: this.#onEvent,
      onFilled: (renewer) => {
        if (this.#cold.delete(renewer.key)) this.#valued.set(renewer.key, renewer);
      },
      onIdle: (renewer) => this.#drop(renewer, "idle"),
    };
  }

  /**
   * Returns the value of `key`: at once if there is one that may be served, else as soon as a fetch delivers one.
   * Waits while an attempt is under way or due within `waitMs`; an error that is not retryable ends the wait.
   * @throws the error of `fetch`, or {@link CacheError}
   */
  async get(key: string, options: { waitMs: number }): Promise<CacheResult<V>> {
    const nowMs = this.#clock.monotonicMs();
    const renewer = this.#valued.get(key) ?? this.#find(key) ?? this.#add(key);
    const state = renewer.use(nowMs);
    switch (state.kind) {
      case "fresh":
        return { entry: state.entry, outcome: "hit" };
      case "stale":
        return { entry: state.entry, outcome: "stale" };
      case "empty":
        return { entry: await renewer.wait(options.waitMs), outcome: "miss" };
      case "fetching":
        return { entry: await renewer.wait(options.waitMs), outcome: "coalesced" };
      case "backing-off": {
        if (!state.retryable || state.untilMs >= nowMs + options.waitMs) throw state.error;
        return { entry: await renewer.wait(options.waitMs), outcome: state.planned ? "coalesced" : "miss" };
      }
    }
  }

  /**
   * Fetches a newer value. The current one is served meanwhile, and stays if the fetch fails.
   * Joins a fetch under way (single-flight). During a back-off it rejects with the error that caused it, without a fetch.
   * @throws the error of `fetch`, or {@link CacheError}
   */
  async refresh(key: string): Promise<Expiring<V>> {
    return (this.#find(key) ?? this.#add(key)).refresh();
  }

  /** Ends the back-off of every key whose latest fetch failed with an error for which `isOver` is true. */
  retry(isOver: (error: unknown) => boolean): void {
    for (const renewer of this.#renewers()) renewer.retry(isOver);
  }

  /**
   * Marks the value as outdated: abandons an attempt or back-off, fetches at once, and serves the current value only until
   * the new one arrives. Has no effect on a key that no caller has requested.
   */
  invalidate(key: string): void {
    this.#find(key)?.invalidate();
  }

  /** Removes a key, even a pinned one; its waiting callers get a `closed` error. */
  withdraw(key: string): void {
    const renewer = this.#find(key);
    if (renewer !== undefined) this.#drop(renewer, "withdrawn");
  }

  /** Fetches now, retries after any error until it succeeds, and never drops the key. */
  pin(key: string): void {
    if (this.#isClosed || this.#pinned.has(key)) return;
    const renewer = this.#find(key) ?? new Renewer(key, this.#renewerOptions);
    this.#valued.delete(key);
    this.#cold.delete(key);
    this.#pinned.set(key, renewer);
    renewer.pin();
  }

  /** Returns the value that `get` would serve now, without side effects. */
  peek(key: string): Expiring<V> | undefined {
    return this.#find(key)?.peek(this.#clock.monotonicMs());
  }

  /** Restores a value from before a restart, with its old times. Ignored if it has expired or does not outlive the current one. */
  restore(key: string, entry: Expiring<V>): void {
    if (this.#isClosed || !(servableUntilMs(entry) > this.#clock.monotonicMs())) return;
    (this.#find(key) ?? this.#add(key)).restore(entry);
  }

  entries(): CacheEntry[] {
    const nowMs = this.#clock.monotonicMs();
    return this.#renewers().map((renewer) => renewer.describe(nowMs));
  }

  /** Cancels all timers and aborts all fetches; waiting and later callers get a `closed` error. */
  close(): void {
    this.#isClosed = true;
    const renewers = this.#renewers();
    this.#valued.clear();
    this.#cold.clear();
    this.#pinned.clear();
    for (const renewer of renewers) renewer.close();
  }

  #renewers(): Renewer<V>[] {
    return [...this.#pinned.values(), ...this.#valued.values(), ...this.#cold.values()];
  }

  /** Does not count as a use. */
  #find(key: string): Renewer<V> | undefined {
    return this.#valued.peek(key) ?? this.#pinned.get(key) ?? this.#cold.get(key);
  }

  #add(key: string): Renewer<V> {
    if (this.#isClosed) throw new CacheError("closed", key);
    if (this.#cold.size >= this.#maxEntries) this.#makeRoom(key);
    const renewer = new Renewer(key, this.#renewerOptions);
    this.#cold.set(key, renewer);
    return renewer;
  }

  /** Drops the oldest failed key; a fetch that a caller may wait for is never dropped for a new key. */
  #makeRoom(key: string): void {
    const oldest = [...this.#cold.values()].find((renewer) => !renewer.isBusy);
    if (oldest === undefined) throw new CacheError("overloaded", key);
    this.#drop(oldest, "evicted");
  }

  /** A renewer with a fetch under way moves to the cold keys, so that no second fetch starts concurrently. */
  #onEvicted(renewer: Renewer<V>): void {
    if (renewer.isBusy) {
      renewer.forget();
      this.#cold.set(renewer.key, renewer);
    } else {
      renewer.close();
    }
    this.#onEvent({ type: "dropped", key: renewer.key, cause: "evicted" });
  }

  #drop(renewer: Renewer<V>, cause: "idle" | "evicted" | "withdrawn"): void {
    this.#pinned.delete(renewer.key);
    this.#valued.delete(renewer.key);
    this.#cold.delete(renewer.key);
    renewer.close();
    this.#onEvent({ type: "dropped", key: renewer.key, cause });
  }
}
