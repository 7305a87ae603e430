/**
 * Where a value is renewed: at most one fetch under way, renewal in the background (`#plan`), the new value taken
 * (`#onFetched`), back-off after a failure (`#onFailed`), and the callers who wait. When is said by renewal-policy.ts,
 * what follows from a state by renewer-state.ts, what one fetch is by attempt.ts, what a caller is answered by token-cache.ts.
 *
 * A value is replaced only by another that may be handed out; a failure never touches it. A fetch that ignores
 * its abort signal is given up all the same, so only such a fetch can still run when the next one starts; what
 * it brings late is taken if it outlives what is held by then.
 */
import { type Clock, type Expiring, type Random, retryHintOf, type Timer } from "@ocir-broker/foundation";
import { type Attempt, type AttemptOptions, createAttempt } from "./attempt.ts";
import type { CacheEntry, CacheEvent } from "./cache-report.ts";
import { firstRenewAtMs, REST_AFTER_SUCCESS_MS, renewAtMs, retryDelayMs, servableUntilMs } from "./renewal-policy.ts";
import {
  type Condition,
  expiryDueMs,
  fetchDueMs,
  fetchReason,
  type Held,
  isBusy,
  isOutlivedBy,
  NEVER,
  type RenewerState,
  stateOf,
} from "./renewer-state.ts";
import { TokenCacheError } from "./token-cache-error.ts";
import { TrackRecord } from "./track-record.ts";
import { Waiters } from "./waiters.ts";

export interface RenewerOptions<V> extends AttemptOptions<V> {
  readonly random: Random;
  readonly idleMs: number;
  readonly onEvent: (event: CacheEvent) => void;
  /** A value was taken in. */
  readonly onFilled: (renewer: Renewer<V>) => void;
  /** Nobody has asked for `idleMs`; the owner closes the renewer. */
  readonly onIdle: (renewer: Renewer<V>) => void;
}

export class Renewer<V> {
  readonly key: string;
  readonly #options: RenewerOptions<V>;
  readonly #clock: Clock;
  readonly #is: Condition<V>;
  #timer: Timer | undefined;
  readonly #record = new TrackRecord();
  #lastUsedAtMs: number;

  constructor(key: string, options: RenewerOptions<V>) {
    this.key = key;
    this.#options = options;
    this.#clock = options.clock;
    this.#lastUsedAtMs = options.clock.monotonicMs();
    this.#is = {
      activity: { kind: "resting", untilMs: this.#lastUsedAtMs },
      held: undefined,
      trouble: undefined,
      kept: false,
      waiters: new Waiters(options.clock, () => this.#giveUpWaiting()),
      refreshing: undefined,
    };
  }

  /** The state for a caller who wants the value; keeps it from being idle. */
  use(nowMs: number): RenewerState<V> {
    this.#lastUsedAtMs = nowMs;
    const state = stateOf(this.#is, nowMs);
    this.#record.ask(state.kind === "fresh" || state.kind === "stale");
    return state;
  }

  /** The value, if it may be handed out now. */
  peek(nowMs: number): Expiring<V> | undefined {
    const { held } = this.#is;
    return held !== undefined && nowMs < held.servableUntilMs ? held.entry : undefined;
  }

  /** Waits for a value over as many attempts as fit into `waitMs`; the first starts as soon as it may. */
  wait(waitMs: number): Promise<Expiring<V>> {
    const promise = this.#is.waiters.add(waitMs);
    this.#plan();
    return promise;
  }

  /** One fetch, or the one under way. Within a back-off it rejects at once with the error that led to it. */
  refresh(): Promise<Expiring<V>> {
    const { activity, trouble } = this.#is;
    if (activity.kind === "backing-off" && this.#clock.monotonicMs() < activity.untilMs) {
      return Promise.reject(trouble?.error);
    }
    this.#is.refreshing ??= Promise.withResolvers();
    const { promise } = this.#is.refreshing;
    this.#plan();
    return promise;
  }

  /** Ends a back-off whose reason is over. The next attempt comes at once, if one was planned or is waited for. */
  retry(isOver: (error: unknown) => boolean): void {
    const { activity, trouble } = this.#is;
    if (activity.kind !== "backing-off" || !isOver(trouble?.error)) return;
    this.#is.activity = { kind: "resting", untilMs: this.#clock.monotonicMs() };
    this.#plan();
  }

  /** Gives up what is under way or waited for, and asks anew at once, for a value better than the one held whatever its life. */
  startOver(): void {
    const { activity, held } = this.#is;
    const nowMs = this.#clock.monotonicMs();
    if (activity.kind === "fetching") activity.abandon();
    this.#is.activity = { kind: "resting", untilMs: nowMs };
    if (held !== undefined) this.#is.held = { ...held, renewAtMs: nowMs, isOutdated: true };
    this.#plan();
  }

  /** Fetch as soon as possible, try until it works, and never be idle. */
  keep(): void {
    this.#is.kept = true;
    this.#plan();
  }

  /** Takes a value from elsewhere, unless the one held lasts as long. */
  restore(entry: Expiring<V>): void {
    if (!isOutlivedBy(this.#is, entry, this.#clock.monotonicMs())) return;
    this.#record.success(entry.obtainedAtMs);
    this.#take(entry, renewAtMs);
    this.#plan();
  }

  /** Lets go of the value; a fetch under way goes on for those who wait. */
  forget(): void {
    this.#is.held = undefined;
    this.#plan();
  }

  get isBusy(): boolean {
    return isBusy(this.#is);
  }

  /** Stops timers and the fetch; whoever waits gets the error. */
  close(error: TokenCacheError): void {
    const { activity, waiters, refreshing } = this.#is;
    if (activity.kind === "fetching") activity.abandon();
    this.#is.activity = { kind: "closed" };
    this.#timer?.cancel();
    waiters.reject(error);
    refreshing?.reject(error);
  }

  describe(nowMs: number): CacheEntry {
    return this.#record.describe(this.key, this.#is, nowMs);
  }

  /** Starts the fetch if it is due, and sets the one timer for whatever comes next. */
  #plan(): void {
    const nowMs = this.#clock.monotonicMs();
    const { held } = this.#is;
    if (held !== undefined && nowMs >= expiryDueMs(this.#is)) {
      held.isEndTold = true;
      this.#options.onEvent({ type: "expired", key: this.key });
    }
    if (nowMs >= fetchDueMs(this.#is)) this.#start();
    this.#timer?.cancel();
    const wakeAtMs = Math.min(fetchDueMs(this.#is), expiryDueMs(this.#is), this.#idleDueMs());
    if (wakeAtMs !== NEVER) this.#timer = this.#clock.setTimer(() => this.#wake(), wakeAtMs - nowMs);
  }

  /** May come late by hours, after a suspend: looks at the clock, not at what it was set for. */
  #wake(): void {
    if (this.#clock.monotonicMs() >= this.#idleDueMs()) this.#options.onIdle(this);
    else this.#plan();
  }

  #idleDueMs(): number {
    const { activity, kept } = this.#is;
    return activity.kind === "closed" || kept || this.isBusy ? NEVER : this.#lastUsedAtMs + this.#options.idleMs;
  }

  #start(): void {
    this.#record.fetch();
    const attempt = createAttempt(this.key, fetchReason(this.#is), this.#options, {
      onFetched: (fetched, entry) => this.#onFetched(fetched, entry),
      onFailed: (failed, error) => this.#onFailed(failed, error),
    });
    this.#is.activity = attempt;
    void attempt.run();
  }

  #onFetched(attempt: Attempt, entry: Expiring<V>): void {
    const { activity, held, refreshing, trouble } = this.#is;
    const nowMs = this.#clock.monotonicMs();
    // Negated, so that a life which is not a number is none.
    if (!(servableUntilMs(entry) > nowMs)) {
      this.#onFailed(attempt, new TokenCacheError("expired-on-arrival", this.key));
      return;
    }
    const isLate = attempt !== activity;
    const isBetter = isOutlivedBy(this.#is, entry, nowMs);
    if (activity.kind === "closed" || (isLate && !isBetter)) return;

    attempt.limit.cancel();
    // A late value ends a back-off, but not another fetch that has begun.
    if (activity.kind !== "fetching" || !isLate) {
      this.#is.activity = { kind: "resting", untilMs: nowMs + REST_AFTER_SUCCESS_MS };
    }
    this.#is.trouble = undefined;
    this.#record.success(nowMs);
    // Who asks for a refresh thinks little of the value held, so a shorter life is no reason against the new one.
    const isTaken = held === undefined || isBetter || refreshing !== undefined;
    const isOnTime = attempt.reason === "renewal" && trouble === undefined;
    if (isTaken) this.#take(entry, isOnTime ? renewAtMs : firstRenewAtMs);
    else this.#holdOn(held, nowMs);
    if (!isLate) {
      this.#is.refreshing = undefined;
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
    const { activity, refreshing, trouble, waiters } = this.#is;
    // The late failure of an attempt that was out of time.
    if (attempt !== activity) return;
    const nowMs = this.#clock.monotonicMs();
    const { retryable, retryAfterMs } = retryHintOf(error);
    const failures = (trouble?.failures ?? 0) + 1;
    const retryInMs = retryDelayMs(failures, this.#options.random(), retryAfterMs);
    const untilMs = nowMs + retryInMs;

    attempt.limit.cancel();
    this.#is.activity = { kind: "backing-off", untilMs };
    this.#is.trouble = { error, retryable, failures };
    this.#is.refreshing = undefined;
    this.#record.failure(nowMs, error);
    refreshing?.reject(error);
    waiters.reject(error, retryable ? untilMs : NEVER);
    const elapsedMs = nowMs - attempt.startedAtMs;
    this.#options.onEvent({ type: "failed", key: this.key, reason: attempt.reason, elapsedMs, error, retryInMs });
    this.#plan();
  }

  #take(entry: Expiring<V>, renewal: typeof renewAtMs): void {
    const renewAt = renewal(entry, this.#options.random());
    this.#is.held = {
      entry,
      servableUntilMs: servableUntilMs(entry),
      renewAtMs: renewAt,
      isEndTold: false,
      isOutdated: false,
    };
    this.#is.waiters.resolve(entry);
    this.#options.onFilled(this);
  }

  /** The server gave nothing better: keep what is held and ask again halfway through what is left of it. */
  #holdOn(held: Held<V>, nowMs: number): void {
    const left = { obtainedAtMs: nowMs, expiresAtMs: held.entry.expiresAtMs };
    this.#is.held = { ...held, renewAtMs: renewAtMs(left, this.#options.random()) };
  }

  /** A caller's time is over: what is left to do without that caller, and what the caller gets. */
  #giveUpWaiting(): unknown {
    this.#plan();
    return this.#is.trouble?.error ?? new TokenCacheError("wait-timeout", this.key);
  }
}
