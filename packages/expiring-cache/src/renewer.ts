/**
 * Renews a value: at most one fetch under way (single-flight), renewal in the background (`#plan`), taking the new value
 * (`#onFetched`), back-off after a failure (`#onFailed`), and the waiting callers. renewal-policy.ts decides when,
 * renewer-state.ts what follows from a state; attempt.ts runs one fetch, refresh-ahead-cache.ts answers callers.
 *
 * Only a new value that may be served replaces the current one; a failure never changes it. A fetch ends when its signal
 * aborts; one that ignores the signal is abandoned and may still run when the next one starts. Its late value is taken if it
 * outlives the current one.
 */
import { type Expiring, retryHintOf } from "@ocir-broker/foundation/expiring";
import type { Random } from "@ocir-broker/foundation/random";
import { backOffMs } from "@ocir-broker/foundation/time/back-off";
import type { Clock, Timer } from "@ocir-broker/foundation/time/clock";
import { type Attempt, type AttemptOptions, createAttempt } from "./attempt.ts";
import { CacheError } from "./cache-error.ts";
import type { CacheEntry, CacheEvent } from "./cache-report.ts";
import { firstRenewAtMs, REST_AFTER_SUCCESS_MS, renewAtMs, servableUntilMs } from "./renewal-policy.ts";
import {
  type Availability,
  availabilityOf,
  type CachedValue,
  type EntryState,
  entryOf,
  expiryDueMs,
  fetchDueMs,
  fetchReason,
  isOutlivedBy,
  NEVER,
  newRecord,
} from "./renewer-state.ts";
import { Waiters } from "./waiters.ts";

/** One day, so that a nightly job still finds its token warm. */
const IDLE_MS = 24 * 60 * 60 * 1_000;

/** Without a value, such as of a mistyped name: the kubelet repeats a pull within 5 min while a pod needs it. */
const EMPTY_IDLE_MS = 10 * 60 * 1_000;

export interface RenewerOptions<V> extends AttemptOptions<V> {
  readonly random: Random;
  readonly onEvent: (event: CacheEvent) => void;
  readonly onFilled: (renewer: Renewer<V>) => void;
  /** Called after a day without a caller, or 10 minutes without a value; the owner closes the renewer. */
  readonly onIdle: (renewer: Renewer<V>) => void;
}

export class Renewer<V> {
  readonly key: string;
  readonly #options: RenewerOptions<V>;
  readonly #clock: Clock;
  readonly #state: EntryState<V>;
  #timer: Timer | undefined;
  readonly #record = newRecord();
  #lastUsedAtMs: number;

  constructor(key: string, options: RenewerOptions<V>) {
    this.key = key;
    this.#options = options;
    this.#clock = options.clock;
    this.#lastUsedAtMs = options.clock.monotonicMs();
    this.#state = {
      activity: { kind: "resting", untilMs: this.#lastUsedAtMs },
      cached: undefined,
      failure: undefined,
      pinned: false,
      waiters: new Waiters(options.clock, () => this.#giveUpWaiting()),
      refreshing: undefined,
    };
  }

  /** Returns the state for a caller who wants the value, and counts as a use. */
  use(nowMs: number): Availability<V> {
    this.#lastUsedAtMs = nowMs;
    const state = availabilityOf(this.#state, nowMs);
    this.#record.isAsked = true;
    if (state.kind === "fresh" || state.kind === "stale") this.#record.hits += 1;
    return state;
  }

  peek(nowMs: number): Expiring<V> | undefined {
    const { cached } = this.#state;
    return cached !== undefined && nowMs < cached.servableUntilMs ? cached.entry : undefined;
  }

  /** Waits for a value over as many attempts as fit into `waitMs`; the first starts as soon as it is allowed. */
  wait(waitMs: number): Promise<Expiring<V>> {
    const promise = this.#state.waiters.add(waitMs);
    this.#plan();
    return promise;
  }

  /** Starts a fetch, or joins the one under way. During a back-off it rejects at once with the error that caused it. */
  refresh(): Promise<Expiring<V>> {
    const { activity, failure } = this.#state;
    if (activity.kind === "backing-off" && this.#clock.monotonicMs() < activity.untilMs) {
      return Promise.reject(failure?.error);
    }
    this.#state.refreshing ??= Promise.withResolvers();
    const { promise } = this.#state.refreshing;
    this.#plan();
    return promise;
  }

  /** Ends a back-off whose cause is resolved. The next attempt starts at once if one was planned or a caller waits. */
  retry(isOver: (error: unknown) => boolean): void {
    const { activity, failure } = this.#state;
    if (activity.kind !== "backing-off" || !isOver(failure?.error)) return;
    this.#state.activity = { kind: "resting", untilMs: this.#clock.monotonicMs() };
    this.#plan();
  }

  /** Abandons a fetch or back-off and fetches at once; the new value replaces the cached one even if it expires sooner. */
  invalidate(): void {
    const { activity, cached } = this.#state;
    const nowMs = this.#clock.monotonicMs();
    if (activity.kind === "fetching") activity.abandon();
    this.#state.activity = { kind: "resting", untilMs: nowMs };
    if (cached !== undefined) this.#state.cached = { ...cached, renewAtMs: nowMs, isOutdated: true };
    this.#plan();
  }

  /** Fetches as soon as possible, retries until it succeeds, and never becomes idle. */
  pin(): void {
    this.#state.pinned = true;
    this.#plan();
  }

  /** Takes a value from before a restart, unless the current one lasts as long. */
  restore(entry: Expiring<V>): void {
    if (!isOutlivedBy(this.#state, entry, this.#clock.monotonicMs())) return;
    this.#record.lastSuccessAtMs = entry.obtainedAtMs;
    this.#take(entry, renewAtMs);
    this.#plan();
  }

  /** Drops the value; a fetch under way continues for the waiting callers. */
  forget(): void {
    this.#state.cached = undefined;
    this.#plan();
  }

  /** Whether a fetch is under way or a caller waits for one. */
  get isBusy(): boolean {
    const { activity, waiters, refreshing } = this.#state;
    return activity.kind === "fetching" || waiters.size > 0 || refreshing !== undefined;
  }

  /** Cancels the timer and the fetch; waiting callers get a `closed` error. */
  close(): void {
    const { activity, waiters, refreshing } = this.#state;
    const error = new CacheError("closed", this.key);
    if (activity.kind === "fetching") activity.abandon();
    this.#state.activity = { kind: "closed" };
    this.#timer?.cancel();
    waiters.reject(error);
    refreshing?.reject(error);
  }

  describe(nowMs: number): CacheEntry {
    return entryOf(this.key, this.#state, this.#record, nowMs);
  }

  /** Starts the fetch if it is due, and sets the one timer for the next event. */
  #plan(): void {
    const nowMs = this.#clock.monotonicMs();
    const { cached } = this.#state;
    if (cached !== undefined && nowMs >= expiryDueMs(this.#state)) {
      cached.isExpiryReported = true;
      this.#options.onEvent({ type: "expired", key: this.key });
    }
    if (nowMs >= fetchDueMs(this.#state)) this.#start();
    this.#timer?.cancel();
    const wakeAtMs = Math.min(fetchDueMs(this.#state), expiryDueMs(this.#state), this.#idleDueMs());
    if (wakeAtMs !== NEVER) this.#timer = this.#clock.setTimer(() => this.#wake(), wakeAtMs - nowMs);
  }

  /** May run hours late, after a suspend: reads the clock instead of trusting the timer. */
  #wake(): void {
    if (this.#clock.monotonicMs() >= this.#idleDueMs()) this.#options.onIdle(this);
    else this.#plan();
  }

  #idleDueMs(): number {
    const { activity, cached, pinned } = this.#state;
    if (activity.kind === "closed" || pinned || this.isBusy) return NEVER;
    return this.#lastUsedAtMs + (cached === undefined ? EMPTY_IDLE_MS : IDLE_MS);
  }

  #start(): void {
    this.#record.fetches += 1;
    const attempt = createAttempt(this.key, fetchReason(this.#state), this.#options, {
      onFetched: (fetched, entry) => this.#onFetched(fetched, entry),
      onFailed: (failed, error) => this.#onFailed(failed, error),
    });
    this.#state.activity = attempt;
    void attempt.run();
  }

  #onFetched(attempt: Attempt, entry: Expiring<V>): void {
    const { activity, cached, refreshing, failure } = this.#state;
    const nowMs = this.#clock.monotonicMs();
    const isLate = attempt !== activity;
    const isBetter = isOutlivedBy(this.#state, entry, nowMs);
    if (activity.kind === "closed" || (isLate && !isBetter)) return;

    // A late value ends a back-off, but not another fetch that has begun.
    if (activity.kind !== "fetching" || !isLate) {
      this.#state.activity = { kind: "resting", untilMs: nowMs + REST_AFTER_SUCCESS_MS };
    }
    this.#state.failure = undefined;
    this.#record.lastSuccessAtMs = nowMs;
    // A refresh means the caller distrusts the current value, so accept the new one even if it expires sooner.
    const isTaken = cached === undefined || isBetter || refreshing !== undefined;
    const isOnTime = attempt.reason === "renewal" && failure === undefined;
    if (isTaken) this.#take(entry, isOnTime ? renewAtMs : firstRenewAtMs);
    else this.#keepCached(cached, nowMs);
    if (!isLate) {
      this.#state.refreshing = undefined;
      refreshing?.resolve(entry);
    }
    this.#options.onEvent({
      type: "fetched",
      key: this.key,
      reason: attempt.reason,
      elapsedMs: nowMs - attempt.startedAtMs,
      expiresInMs: entry.expiresAtMs - nowMs,
    });
    this.#plan();
  }

  #onFailed(attempt: Attempt, error: unknown): void {
    const { activity, refreshing, failure, waiters } = this.#state;
    // The late failure of an attempt that has timed out.
    if (attempt !== activity) return;
    const nowMs = this.#clock.monotonicMs();
    const { retryable, retryAfterMs } = retryHintOf(error);
    const failures = (failure?.failures ?? 0) + 1;
    const retryInMs = backOffMs(failures, this.#options.random(), { retryAfterMs });
    const untilMs = nowMs + retryInMs;

    this.#state.activity = { kind: "backing-off", untilMs };
    this.#state.failure = { error, retryable, failures };
    this.#state.refreshing = undefined;
    this.#record.lastFailureAtMs = nowMs;
    this.#record.lastError = error;
    this.#record.failures += 1;
    refreshing?.reject(error);
    waiters.reject(error, retryable ? untilMs : NEVER);
    const elapsedMs = nowMs - attempt.startedAtMs;
    this.#options.onEvent({ type: "failed", key: this.key, reason: attempt.reason, elapsedMs, error, retryInMs });
    this.#plan();
  }

  #take(entry: Expiring<V>, renewal: typeof renewAtMs): void {
    const renewAt = renewal(entry, this.#options.random());
    this.#state.cached = {
      entry,
      servableUntilMs: servableUntilMs(entry),
      renewAtMs: renewAt,
      isExpiryReported: false,
      isOutdated: false,
    };
    this.#state.waiters.resolve(entry);
    this.#options.onFilled(this);
  }

  /** The server returned nothing better: keeps the current value and fetches again after half of the time until its end. */
  #keepCached(cached: CachedValue<V>, nowMs: number): void {
    const left = { obtainedAtMs: nowMs, expiresAtMs: cached.entry.expiresAtMs };
    this.#state.cached = { ...cached, renewAtMs: renewAtMs(left, this.#options.random()) };
  }

  /** Called after a caller's deadline: plans without that caller, and returns the caller's error. */
  #giveUpWaiting(): unknown {
    this.#plan();
    return this.#state.failure?.error ?? new CacheError("wait-timeout", this.key);
  }
}
