/**
 * Looks up expiring values by key, and decides which keys are remembered. cache-slot.ts owns the life of one value; `fetch` owns the
 * upstreams.
 *
 * Keys with a value live in an LRU, and all others in a separate map, so that failing keys cannot evict a valid value.
 */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Random } from "@ocir-broker/foundation/random";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { LRUCache } from "lru-cache";
import { CacheError } from "./cache-error.ts";
import type { CachePolicy } from "./cache-policy.ts";
import type { CacheEntry, CacheEvent, CacheResult } from "./cache-report.ts";
import { CacheSlot, type CacheSlotOptions, type Fetch } from "./cache-slot.ts";
import { servableUntilMs } from "./renewal-policy.ts";

/** A node pulls from a handful of registry hosts; this bounds memory if a client requests thousands. */
const DEFAULT_MAX_ENTRIES = 256;

/** For a cache whose owner has no deadline of its own. */
const DEFAULT_FETCH_LIMIT_MS = 15_000;

export interface ExpiringCacheOptions<V, S> {
  readonly policy: CachePolicy;
  readonly fetch: Fetch<V, S>;
  readonly clock: Clock;
  readonly random: Random;
  /** Called synchronously: must return quickly and must not throw. */
  readonly onEvent?: (event: CacheEvent) => void;
  /** Maximum number of keys with a value, and of keys without one. Default 256. */
  readonly maxEntries?: number;
  /** Time limit of one fetch. Default 15 s. */
  readonly fetchLimitMs?: number;
  /** Whether an error is about the source of its fetch alone, so that no other caller has to wait for its back-off. Default: never. */
  readonly concernsSourceOnly?: (error: unknown) => boolean;
}

/** @template S what a caller brings for a fetch; nothing if values are renewed ahead, which happens without a caller. */
export class ExpiringCache<V, S = void> {
  readonly #clock: Clock;
  readonly #onEvent: (event: CacheEvent) => void;
  readonly #maxEntries: number;
  readonly #slotOptions: CacheSlotOptions<V, S>;
  /** Keys that `pin` names; exempt from `maxEntries`, and never idle. */
  readonly #pinned = new Map<string, CacheSlot<V, S>>();
  /** Keys with a value. The slot owns its expiry, so lru-cache needs no clock. */
  readonly #valued: LRUCache<string, CacheSlot<V, S>>;
  /** Keys without a value, the oldest first. */
  readonly #cold = new Map<string, CacheSlot<V, S>>();
  #isClosed = false;

  constructor(options: ExpiringCacheOptions<V, S>) {
    this.#clock = options.clock;
    this.#onEvent = options.onEvent ?? (() => undefined);
    this.#maxEntries = options.maxEntries ?? DEFAULT_MAX_ENTRIES;
    this.#valued = new LRUCache<string, CacheSlot<V, S>>({
      max: this.#maxEntries,
      dispose: (slot, _key, reason) => {
        if (reason === "evict") this.#onEvicted(slot);
      },
    });
    this.#slotOptions = {
      policy: options.policy,
      fetch: options.fetch,
      fetchLimitMs: options.fetchLimitMs ?? DEFAULT_FETCH_LIMIT_MS,
      concernsSourceOnly: options.concernsSourceOnly ?? (() => false),
      clock: options.clock,
      random: options.random,
      onEvent: this.#onEvent,
      onFilled: (slot) => {
        if (this.#cold.delete(slot.key)) this.#valued.set(slot.key, slot);
      },
      onEmptied: (slot) => {
        if (this.#valued.delete(slot.key)) this.#cold.set(slot.key, slot);
      },
      onIdle: (slot) => this.#drop(slot, "idle"),
    };
  }

  /**
   * Returns the value of `key`: at once if there is one that may be served, else as soon as a fetch delivers one.
   * Waits while a fetch is under way or due within `waitMs`; an error that is not retryable ends the wait.
   * @throws the error of `fetch`, or {@link CacheError}
   */
  async get(key: string, { waitMs }: { waitMs: number }, source: S): Promise<CacheResult<V>> {
    const slot = this.#valued.get(key) ?? this.#find(key) ?? this.#add(key);
    return slot.get(waitMs, source);
  }

  /**
   * Fetches a newer value. The current one is served meanwhile, and stays if the fetch fails.
   * Joins a fetch under way (single-flight). During a back-off it rejects with the error that caused it, without a fetch.
   * @throws the error of `fetch`, or {@link CacheError}
   */
  async refresh(key: string, source: S): Promise<Expiring<V>> {
    return (this.#find(key) ?? this.#add(key)).refresh(source);
  }

  /** Ends the back-off of every key whose latest fetch failed with an error for which `isOver` is true. */
  retry(isOver: (error: unknown) => boolean): void {
    for (const slot of this.#slots()) slot.retry(isOver);
  }

  /**
   * Marks the value as outdated: abandons a fetch or back-off, fetches at once, and serves the current value only until
   * the new one arrives. Has no effect on a key that no caller has requested.
   */
  invalidate(key: string): void {
    this.#find(key)?.invalidate();
  }

  /** Removes a key, even a pinned one; its waiting callers get a `closed` error. */
  withdraw(key: string): void {
    const slot = this.#find(key);
    if (slot !== undefined) this.#drop(slot, "withdrawn");
  }

  /** Fetches now, retries after any error until it succeeds, and never drops the key. */
  pin(key: string): void {
    if (this.#isClosed) return;
    const slot = this.#find(key) ?? new CacheSlot(key, this.#slotOptions);
    this.#valued.delete(key);
    this.#cold.delete(key);
    this.#pinned.set(key, slot);
    slot.pin();
  }

  /** Keeps a pinned key only as long as any other. */
  unpin(key: string): void {
    const slot = this.#pinned.get(key);
    if (slot === undefined) return;
    this.#pinned.delete(key);
    if (slot.peek() === undefined) this.#cold.set(key, slot);
    else this.#valued.set(key, slot);
    slot.unpin();
  }

  /** Returns the value that `get` would serve now, without side effects. */
  peek(key: string): Expiring<V> | undefined {
    return this.#find(key)?.peek();
  }

  /** Takes a value that was fetched elsewhere, with its own times. Ignored if it has expired or does not outlive the current one. */
  put(key: string, entry: Expiring<V>): void {
    if (this.#isClosed || !(servableUntilMs(entry) > this.#clock.monotonicMs())) return;
    (this.#find(key) ?? this.#add(key)).put(entry);
  }

  entries(): CacheEntry[] {
    return this.#slots().map((slot) => slot.describe());
  }

  /** Cancels all timers and aborts all fetches; waiting and later callers get a `closed` error. */
  close(): void {
    this.#isClosed = true;
    const slots = this.#slots();
    for (const keys of [this.#pinned, this.#valued, this.#cold]) keys.clear();
    for (const slot of slots) slot.close();
  }

  #slots(): CacheSlot<V, S>[] {
    return [...this.#pinned.values(), ...this.#valued.values(), ...this.#cold.values()];
  }

  /** Does not count as a use. */
  #find(key: string): CacheSlot<V, S> | undefined {
    return this.#valued.peek(key) ?? this.#pinned.get(key) ?? this.#cold.get(key);
  }

  #add(key: string): CacheSlot<V, S> {
    if (this.#isClosed) throw new CacheError("closed", key);
    if (this.#cold.size >= this.#maxEntries) this.#makeRoom(key);
    const slot = new CacheSlot(key, this.#slotOptions);
    this.#cold.set(key, slot);
    return slot;
  }

  /** Drops the oldest failed key; a fetch that a caller may wait for is never dropped for a new key. */
  #makeRoom(key: string): void {
    const oldest = [...this.#cold.values()].find((slot) => !slot.isBusy);
    if (oldest === undefined) throw new CacheError("overloaded", key);
    this.#drop(oldest, "evicted");
  }

  /** A key with a fetch under way stays, without its value, so that no second fetch starts concurrently. */
  #onEvicted(slot: CacheSlot<V, S>): void {
    if (slot.isBusy) {
      this.#cold.set(slot.key, slot);
      slot.empty();
    } else {
      slot.close();
    }
    this.#onEvent({ type: "dropped", key: slot.key, cause: "evicted" });
  }

  #drop(slot: CacheSlot<V, S>, cause: "idle" | "evicted" | "withdrawn"): void {
    for (const keys of [this.#pinned, this.#valued, this.#cold]) keys.delete(slot.key);
    slot.close();
    this.#onEvent({ type: "dropped", key: slot.key, cause });
  }
}
