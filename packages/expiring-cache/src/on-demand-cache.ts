/**
 * Looks up expiring values by key if a fetch needs something that only a caller has and that must not be kept, such as a pod's
 * token. So nothing is renewed without a caller: one who finds a value due for renewal gets it at once, and starts the fetch.
 *
 * Single-flight for each key; the least recently used keys are dropped, and expired values at the latest with the next fetch.
 */
import { type Expiring, retryHintOf } from "@ocir-broker/foundation/expiring";
import type { Random } from "@ocir-broker/foundation/random";
import { backOffMs } from "@ocir-broker/foundation/time/back-off";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { sleep } from "@ocir-broker/foundation/time/sleep";
import { LRUCache } from "lru-cache";
import { type Attempt, type AttemptOptions, createAttempt } from "./attempt.ts";
import { CacheError } from "./cache-error.ts";
import type { CacheEvent, FetchReason } from "./cache-report.ts";
import type { CacheResult } from "./refresh-ahead-cache.ts";
import { firstRenewAtMs, servableUntilMs } from "./renewal-policy.ts";
import { Waiters } from "./waiters.ts";

export interface OnDemandCacheOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Keys, with or without a value. */
  readonly maxEntries: number;
  readonly fetchLimitMs: number;
  /** Called synchronously: must return quickly and must not throw. */
  readonly onEvent?: (event: Extract<CacheEvent, { type: "fetched" | "failed" }>) => void;
}

/** One fetch with what its caller brought. */
export type FetchOnce<V> = (signal: AbortSignal) => Promise<Expiring<V>>;

interface Slot<V> {
  readonly waiters: Waiters<V>;
  cached: { readonly entry: Expiring<V>; readonly servableUntilMs: number; readonly renewAtMs: number } | undefined;
  attempt: Attempt | undefined;
  failure:
    | { readonly error: unknown; readonly failures: number; readonly sinceMs: number; readonly untilMs: number }
    | undefined;
}

/** Callers wait for retries only this long after the first failure. Later they get the failure at once, or after one more fetch. */
const SHORT_FAILURE_MS = 10_000;

/** Less than the 10 s after which a kubelet tries again at the earliest. */
const LONGEST_BACK_OFF_MS = 8_000;

/** How long a failure is remembered after its back-off without callers. */
const FAILURE_KEPT_MS = 600_000;

export class OnDemandCache<V> {
  readonly #options: OnDemandCacheOptions;
  readonly #clock: Clock;
  readonly #slots: LRUCache<string, Slot<V>>;
  /** Also those whose slot has been dropped. */
  readonly #running = new Set<Attempt>();
  #isClosed = false;

  constructor(options: OnDemandCacheOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#slots = new LRUCache({ max: options.maxEntries });
  }

  /** Keys with a value that can be served. */
  get size(): number {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#slots.values()].filter((slot) => isServable(slot, nowMs)).length;
  }

  /**
   * Returns the value of `key`: at once if there is one that may be served, else by `fetch` or by a fetch that another caller
   * has started. Retries within `waitMs` unless an error is not retryable, or the fetches have failed for a while already.
   * @throws the error of a fetch, or {@link CacheError}
   */
  async get(key: string, fetch: FetchOnce<V>, { waitMs }: { waitMs: number }): Promise<CacheResult<V>> {
    const deadlineMs = this.#clock.monotonicMs() + waitMs;
    for (;;) {
      const nowMs = this.#clock.monotonicMs();
      const slot = this.#slotOf(key);
      const { cached, failure } = slot;
      const isBackingOff = failure !== undefined && nowMs < failure.untilMs;
      if (cached !== undefined && nowMs < cached.servableUntilMs) {
        const isDue = nowMs >= cached.renewAtMs;
        if (isDue && slot.attempt === undefined && !isBackingOff) this.#start(key, slot, "renewal", fetch);
        return { entry: cached.entry, outcome: isDue && failure !== undefined ? "stale" : "hit" };
      }
      try {
        if (isBackingOff) throw failure.error;
        const outcome = slot.attempt === undefined ? "miss" : "coalesced";
        const entry = slot.waiters.add(deadlineMs - nowMs);
        if (slot.attempt === undefined) this.#start(key, slot, "miss", fetch);
        return { entry: await entry, outcome };
      } catch (error) {
        const failedAtMs = this.#clock.monotonicMs();
        const { sinceMs = failedAtMs, untilMs = Infinity } = slot.failure ?? {};
        const retryAtMs = Math.max(failedAtMs, untilMs);
        const isHopeless = !retryHintOf(error).retryable || failedAtMs - sinceMs >= SHORT_FAILURE_MS;
        if (this.#isClosed || isHopeless || retryAtMs >= deadlineMs) throw error;
        await sleep(retryAtMs - failedAtMs, this.#clock);
      }
    }
  }

  /** Stores a value that was fetched under another key, if it can be served. */
  put(key: string, entry: Expiring<V>): void {
    if (!this.#isClosed && servableUntilMs(entry) > this.#clock.monotonicMs()) this.#take(this.#slotOf(key), entry);
  }

  /** Drops the value, if it still is `entry`. */
  reject(key: string, entry: Expiring<V>): void {
    const slot = this.#slots.peek(key);
    if (slot?.cached?.entry === entry) slot.cached = undefined;
  }

  /** Aborts all fetches; waiting and later callers get a `closed` error. */
  close(): void {
    this.#isClosed = true;
    for (const attempt of this.#running) attempt.abandon();
    for (const [key, slot] of this.#slots.entries()) slot.waiters.reject(new CacheError("closed", key));
    this.#slots.clear();
  }

  #slotOf(key: string): Slot<V> {
    if (this.#isClosed) throw new CacheError("closed", key);
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const timeoutError = (): unknown => slot.failure?.error ?? new CacheError("wait-timeout", key);
    const slot: Slot<V> = {
      waiters: new Waiters(this.#clock, timeoutError),
      cached: undefined,
      attempt: undefined,
      failure: undefined,
    };
    this.#slots.set(key, slot);
    return slot;
  }

  #start(key: string, slot: Slot<V>, reason: FetchReason, fetch: FetchOnce<V>): void {
    const options: AttemptOptions<V> = { ...this.#options, fetch: (_key, { signal }) => fetch(signal) };
    const attempt = createAttempt(key, reason, options, {
      onFetched: (fetched, entry) => this.#onFetched(key, slot, fetched, entry),
      onFailed: (failed, error) => this.#onFailed(key, slot, failed, error),
    });
    slot.attempt = attempt;
    this.#dropExpired();
    this.#running.add(attempt);
    void attempt.run();
  }

  #onFetched(key: string, slot: Slot<V>, attempt: Attempt, entry: Expiring<V>): void {
    if (!this.#settle(slot, attempt)) return;
    const nowMs = this.#clock.monotonicMs();
    this.#take(slot, entry);
    const elapsedMs = nowMs - attempt.startedAtMs;
    const expiresInMs = entry.expiresAtMs - nowMs;
    this.#options.onEvent?.({ type: "fetched", key, reason: attempt.reason, elapsedMs, expiresInMs });
  }

  #onFailed(key: string, slot: Slot<V>, attempt: Attempt, error: unknown): void {
    if (!this.#settle(slot, attempt)) return;
    const nowMs = this.#clock.monotonicMs();
    const failures = (slot.failure?.failures ?? 0) + 1;
    const limits = { longestMs: LONGEST_BACK_OFF_MS, retryAfterMs: retryHintOf(error).retryAfterMs };
    const retryInMs = backOffMs(failures, this.#options.random(), limits);
    slot.failure = { error, failures, sinceMs: slot.failure?.sinceMs ?? nowMs, untilMs: nowMs + retryInMs };
    slot.waiters.reject(error);
    const elapsedMs = nowMs - attempt.startedAtMs;
    this.#options.onEvent?.({ type: "failed", key, reason: attempt.reason, elapsedMs, error, retryInMs });
  }

  /** Forgets the attempt, and with it what its caller brought. False for one that has timed out. */
  #settle(slot: Slot<V>, attempt: Attempt): boolean {
    this.#running.delete(attempt);
    if (slot.attempt !== attempt) return false;
    slot.attempt = undefined;
    return true;
  }

  #take(slot: Slot<V>, entry: Expiring<V>): void {
    const renewAtMs = firstRenewAtMs(entry, this.#options.random());
    slot.cached = { entry, servableUntilMs: servableUntilMs(entry), renewAtMs };
    slot.failure = undefined;
    slot.waiters.resolve(entry);
  }

  #dropExpired(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, slot] of this.#slots.entries()) {
      const isBusy =
        slot.attempt !== undefined || nowMs < (slot.failure === undefined ? 0 : slot.failure.untilMs + FAILURE_KEPT_MS);
      if (!isBusy && !isServable(slot, nowMs)) this.#slots.delete(key);
    }
  }
}

function isServable<V>({ cached }: Slot<V>, nowMs: number): boolean {
  return cached !== undefined && nowMs < cached.servableUntilMs;
}
