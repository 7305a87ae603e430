/**
 * The life of one key: its value, the one fetch under way, the back-off after a failure, and the callers who wait.
 *
 * Whatever happens ends in `#plan`, which starts the fetch that is due and sets one timer for what comes next. A fetch ends once:
 * with a value that can be served, with an error, at its time limit, or because it is abandoned. A failed or abandoned fetch leaves
 * the value as it is, and what it delivers later is ignored. renewal-policy.ts and cache-policy.ts say when to fetch.
 */
import { type Expiring, retryHintOf } from "@ocir-broker/foundation/expiring";
import type { Random } from "@ocir-broker/foundation/random";
import { backOffMs } from "@ocir-broker/foundation/time/back-off";
import type { Clock, Timer } from "@ocir-broker/foundation/time/clock";
import { CacheError } from "./cache-error.ts";
import type { CachePolicy } from "./cache-policy.ts";
import type { CacheEntry, CacheEvent, CacheResult, FetchReason } from "./cache-report.ts";
import { firstRenewAtMs, REST_AFTER_SUCCESS_MS, renewAtMs, servableUntilMs } from "./renewal-policy.ts";
import { WaitingCallers } from "./waiting-callers.ts";

/** Without a value, such as of a mistyped name: the kubelet repeats a pull within 5 min while a pod needs it. */
const EMPTY_IDLE_MS = 10 * 60 * 1_000;

const NEVER = Infinity;

export interface FetchContext<S> {
  /** Aborted at the fetch's time limit, and if it is abandoned; never because a caller left. */
  readonly signal: AbortSignal;
  readonly reason: FetchReason;
  /** What the caller brought whose request started this fetch. */
  readonly source: S;
}

export type Fetch<V, S> = (key: string, context: FetchContext<S>) => Promise<Expiring<V>>;

export interface CacheSlotOptions<V, S> {
  readonly policy: CachePolicy;
  readonly fetch: Fetch<V, S>;
  readonly fetchLimitMs: number;
  /** Whether an error is about the source of its fetch alone, so that no other caller has to wait for its back-off. */
  readonly concernsSourceOnly: (error: unknown) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly onEvent: (event: CacheEvent) => void;
  /** The key has a value. */
  readonly onFilled: (slot: CacheSlot<V, S>) => void;
  /** The value has expired, and is not renewed without a caller. */
  readonly onEmptied: (slot: CacheSlot<V, S>) => void;
  /** Nobody has asked for the key for a long time; the owner closes the slot. */
  readonly onIdle: (slot: CacheSlot<V, S>) => void;
}

interface CachedValue<V> {
  readonly entry: Expiring<V>;
  readonly servableUntilMs: number;
  readonly renewAtMs: number;
  /** Served, but any new value replaces it. */
  readonly isOutdated: boolean;
  readonly isExpiryReported: boolean;
}

interface RunningFetch<S> {
  readonly reason: FetchReason;
  readonly source: S;
  readonly startedAtMs: number;
  readonly controller: AbortController;
  readonly limit: Timer;
}

/** The failures since the last success. */
interface Failure {
  readonly error: unknown;
  readonly retryable: boolean;
  readonly failures: number;
  readonly sinceMs: number;
}

export class CacheSlot<V, S> {
  readonly key: string;
  readonly #options: CacheSlotOptions<V, S>;
  readonly #clock: Clock;
  readonly #waiters: WaitingCallers<V, S>;
  #cached: CachedValue<V> | undefined;
  #fetching: RunningFetch<S> | undefined;
  #failure: Failure | undefined;
  /** No fetch starts earlier: the end of a back-off, or of the pause after a success. */
  #restUntilMs: number;
  #lastUsedAtMs: number;
  #isPinned = false;
  #isClosed = false;
  #timer: Timer | undefined;
  readonly #record = {
    lastSuccessAtMs: undefined as number | undefined,
    lastFailureAtMs: undefined as number | undefined,
    lastError: undefined as unknown,
    isAsked: false,
    hits: 0,
    fetches: 0,
    failures: 0,
  };

  constructor(key: string, options: CacheSlotOptions<V, S>) {
    this.key = key;
    this.#options = options;
    this.#clock = options.clock;
    this.#waiters = new WaitingCallers(options.clock, () => this.#giveUpWaiting());
    this.#restUntilMs = options.clock.monotonicMs();
    this.#lastUsedAtMs = this.#restUntilMs;
  }

  /** Whether a fetch is under way, or a caller waits for one. */
  get isBusy(): boolean {
    return this.#fetching !== undefined || this.#waiters.size > 0;
  }

  async get(waitMs: number, source: S): Promise<CacheResult<V>> {
    const nowMs = this.#clock.monotonicMs();
    this.#lastUsedAtMs = nowMs;
    this.#record.isAsked = true;
    const state = this.#stateAt(nowMs);
    if (this.#cached !== undefined && (state === "fresh" || state === "stale")) {
      this.#record.hits += 1;
      const { entry, renewAtMs } = this.#cached;
      if (!this.isBusy && nowMs >= Math.max(renewAtMs, this.#restUntilMs)) this.#start(source);
      return { entry, outcome: state === "fresh" ? "hit" : "stale" };
    }
    const failure = this.#failureAt(nowMs);
    if (state === "backing-off" && failure !== undefined && !this.#isWorthWaiting(failure, nowMs, nowMs + waitMs))
      throw failure.error;
    const isComing = state === "fetching" || (state === "backing-off" && this.#fetchDueMs() !== NEVER);
    const entry = this.#waiters.add(source, waitMs);
    this.#plan();
    return { entry: await entry, outcome: isComing ? "coalesced" : "miss" };
  }

  peek(): Expiring<V> | undefined {
    return this.#isServable(this.#clock.monotonicMs()) ? this.#cached?.entry : undefined;
  }

  /** Starts a fetch, or joins the one under way. During a back-off it rejects at once with the error that caused it. */
  refresh(source: S): Promise<Expiring<V>> {
    const failure = this.#failureAt(this.#clock.monotonicMs());
    if (failure !== undefined) return Promise.reject(failure.error);
    const entry = this.#waiters.addRefresh(source);
    this.#plan();
    return entry;
  }

  /** Takes a value from elsewhere, unless the current one lasts as long. A back-off goes on: the upstream has not succeeded. */
  put(entry: Expiring<V>): void {
    if (this.#cachedOutlasting(entry) !== undefined) return;
    this.#record.lastSuccessAtMs = entry.obtainedAtMs;
    this.#take(entry, renewAtMs);
    this.#plan();
  }

  /** Ends a back-off whose cause is resolved. The next fetch starts at once if one was planned or a caller waits. */
  retry(isOver: (error: unknown) => boolean): void {
    const nowMs = this.#clock.monotonicMs();
    const failure = this.#failureAt(nowMs);
    if (failure === undefined || !isOver(failure.error)) return;
    this.#restUntilMs = nowMs;
    this.#plan();
  }

  /** Abandons a fetch or back-off and fetches at once; the new value replaces the current one even if it expires sooner. */
  invalidate(): void {
    this.#abandonFetch();
    this.#restUntilMs = this.#clock.monotonicMs();
    if (this.#cached !== undefined) {
      this.#cached = { ...this.#cached, renewAtMs: this.#restUntilMs, isOutdated: true };
    }
    this.#plan();
  }

  /** Fetches as soon as possible, retries until it succeeds, and never becomes idle. */
  pin(): void {
    this.#isPinned = true;
    this.#plan();
  }

  unpin(): void {
    this.#isPinned = false;
    this.#plan();
  }

  /** Drops the value; a fetch under way continues. */
  empty(): void {
    this.#cached = undefined;
    this.#plan();
  }

  /** Cancels the timer and the fetch; waiting callers get a `closed` error. */
  close(): void {
    this.#isClosed = true;
    this.#abandonFetch();
    this.#timer?.cancel();
    this.#waiters.reject(new CacheError("closed", this.key), () => true);
  }

  describe(): CacheEntry {
    const fetchDueMs = this.#fetchDueMs();
    return {
      ...this.#record,
      key: this.key,
      state: this.#stateAt(this.#clock.monotonicMs()),
      pinned: this.#isPinned,
      obtainedAtMs: this.#cached?.entry.obtainedAtMs,
      expiresAtMs: this.#cached?.entry.expiresAtMs,
      servableUntilMs: this.#cached?.servableUntilMs,
      renewAtMs: fetchDueMs === NEVER ? undefined : fetchDueMs,
      failuresInARow: this.#failure?.failures ?? 0,
      waiting: this.#waiters.size,
    };
  }

  /** Starts the fetch if it is due, and sets the one timer for the next event. */
  #plan(): void {
    if (this.#isClosed) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#expiryDueMs()) this.#expire();
    if (nowMs >= this.#fetchDueMs()) this.#start(this.#waiters.first?.source as S);
    this.#timer?.cancel();
    const wakeAtMs = Math.min(this.#fetchDueMs(), this.#expiryDueMs(), this.#idleDueMs());
    if (wakeAtMs !== NEVER) this.#timer = this.#clock.setTimer(() => this.#wake(), wakeAtMs - nowMs);
  }

  /** May run hours late, after a suspend: reads the clock instead of trusting the timer. */
  #wake(): void {
    if (this.#clock.monotonicMs() >= this.#idleDueMs()) this.#options.onIdle(this);
    else this.#plan();
  }

  /** When the next fetch starts; NEVER if one is under way, or if it takes a caller to start one. */
  #fetchDueMs(): number {
    if (this.#isClosed || this.#fetching !== undefined) return NEVER;
    if (this.#waiters.size > 0) return this.#restUntilMs;
    if (!this.#options.policy.renewsAhead) return NEVER;
    if (this.#cached !== undefined) return Math.max(this.#cached.renewAtMs, this.#restUntilMs);
    return this.#isPinned ? this.#restUntilMs : NEVER;
  }

  #expiryDueMs(): number {
    if (this.#isClosed || this.#cached === undefined || this.#cached.isExpiryReported) return NEVER;
    return this.#cached.servableUntilMs;
  }

  #idleDueMs(): number {
    if (this.#isClosed || this.#isPinned || this.isBusy) return NEVER;
    return this.#lastUsedAtMs + (this.#cached === undefined ? EMPTY_IDLE_MS : this.#options.policy.idleMs);
  }

  #start(source: S): void {
    const controller = new AbortController();
    const fetching: RunningFetch<S> = {
      reason: this.#fetchReason(),
      source,
      startedAtMs: this.#clock.monotonicMs(),
      controller,
      limit: this.#clock.setTimer(() => {
        const error = new CacheError("fetch-timeout", this.key);
        this.#onFailed(fetching, error);
        controller.abort(error);
      }, this.#options.fetchLimitMs),
    };
    this.#fetching = fetching;
    this.#record.fetches += 1;
    void this.#run(fetching);
  }

  async #run(fetching: RunningFetch<S>): Promise<void> {
    const { reason, source, controller } = fetching;
    let entry: Expiring<V>;
    try {
      entry = await this.#options.fetch(this.key, { signal: controller.signal, reason, source });
      // Negated, so that NaN counts as not servable.
      if (!(servableUntilMs(entry) > this.#clock.monotonicMs())) throw new CacheError("expired-on-arrival", this.key);
    } catch (error) {
      if (this.#fetching === fetching) this.#onFailed(fetching, error);
      return;
    }
    if (this.#fetching === fetching) this.#onFetched(fetching, entry);
  }

  #onFetched({ reason, startedAtMs, limit }: RunningFetch<S>, entry: Expiring<V>): void {
    const nowMs = this.#clock.monotonicMs();
    const isOnTime = reason === "renewal" && this.#failure === undefined;
    limit.cancel();
    this.#fetching = undefined;
    this.#failure = undefined;
    this.#restUntilMs = nowMs + REST_AFTER_SUCCESS_MS;
    this.#record.lastSuccessAtMs = nowMs;
    // Who refreshes distrusts the current value, so the new one is better even if it expires sooner.
    const kept = this.#waiters.hasRefresh ? undefined : this.#cachedOutlasting(entry);
    if (kept === undefined) this.#take(entry, isOnTime ? renewAtMs : firstRenewAtMs);
    else this.#renewLater(kept, nowMs);
    const [elapsedMs, expiresInMs] = [nowMs - startedAtMs, entry.expiresAtMs - nowMs];
    this.#options.onEvent({ type: "fetched", key: this.key, reason, elapsedMs, expiresInMs });
    this.#plan();
  }

  #onFailed({ reason, source, startedAtMs, limit }: RunningFetch<S>, error: unknown): void {
    const nowMs = this.#clock.monotonicMs();
    limit.cancel();
    this.#fetching = undefined;
    this.#record.lastFailureAtMs = nowMs;
    this.#record.lastError = error;
    this.#record.failures += 1;
    if (this.#options.concernsSourceOnly(error)) this.#waiters.reject(error, (caller) => caller.source === source);
    else this.#backOff(error, nowMs);
    const [elapsedMs, retryInMs] = [nowMs - startedAtMs, Math.max(0, this.#restUntilMs - nowMs)];
    this.#options.onEvent({ type: "failed", key: this.key, reason, elapsedMs, error, retryInMs });
    this.#plan();
  }

  #backOff(error: unknown, nowMs: number): void {
    const { retryable, retryAfterMs } = retryHintOf(error);
    const failures = (this.#failure?.failures ?? 0) + 1;
    const longestMs = this.#options.policy.longestBackOffMs;
    this.#restUntilMs = nowMs + backOffMs(failures, this.#options.random(), { longestMs, retryAfterMs });
    const failure = { error, retryable, failures, sinceMs: this.#failure?.sinceMs ?? nowMs };
    this.#failure = failure;
    this.#waiters.reject(error, ({ deadlineMs }) => !this.#isWorthWaiting(failure, nowMs, deadlineMs));
  }

  #take(entry: Expiring<V>, renewal: typeof renewAtMs): void {
    this.#cached = {
      entry,
      servableUntilMs: servableUntilMs(entry),
      renewAtMs: renewal(entry, this.#options.random()),
      isOutdated: false,
      isExpiryReported: false,
    };
    this.#waiters.resolve(entry);
    this.#options.onFilled(this);
  }

  /** The upstream returned nothing better: keeps the current value and fetches again after half of the time until its end. */
  #renewLater(cached: CachedValue<V>, nowMs: number): void {
    const left = { obtainedAtMs: nowMs, expiresAtMs: cached.entry.expiresAtMs };
    this.#cached = { ...cached, renewAtMs: renewAtMs(left, this.#options.random()) };
  }

  /** Reports it once. A value that is renewed ahead is still wanted; its key keeps its place among those with a value. */
  #expire(): void {
    const { policy, onEvent, onEmptied } = this.#options;
    this.#cached = policy.renewsAhead && this.#cached ? { ...this.#cached, isExpiryReported: true } : undefined;
    onEvent({ type: "expired", key: this.key });
    if (!policy.renewsAhead) onEmptied(this);
  }

  /** Its end is ignored. */
  #abandonFetch(): void {
    this.#fetching?.limit.cancel();
    this.#fetching?.controller.abort();
    this.#fetching = undefined;
  }

  /** Called after a caller's deadline: plans without that caller, and returns the caller's error. */
  #giveUpWaiting(): unknown {
    this.#plan();
    return this.#failure?.error ?? new CacheError("wait-timeout", this.key);
  }

  #stateAt(nowMs: number): CacheEntry["state"] {
    // A refresh that failed before the renewal is due does not make the value stale.
    if (this.#cached !== undefined && this.#isServable(nowMs))
      return this.#failure !== undefined && nowMs >= this.#cached.renewAtMs ? "stale" : "fresh";
    if (this.#fetching !== undefined) return "fetching";
    return this.#failureAt(nowMs) === undefined ? "empty" : "backing-off";
  }

  #isServable(nowMs: number): boolean {
    return this.#cached !== undefined && nowMs < this.#cached.servableUntilMs;
  }

  /** The failure whose back-off is not over. */
  #failureAt(nowMs: number): Failure | undefined {
    return nowMs < this.#restUntilMs ? this.#failure : undefined;
  }

  /** Whether a caller may hope that the fetch after the back-off succeeds before the caller's deadline. */
  #isWorthWaiting({ retryable, sinceMs }: Failure, nowMs: number, deadlineMs: number): boolean {
    return retryable && nowMs - sinceMs < this.#options.policy.patienceMs && this.#restUntilMs < deadlineMs;
  }

  #fetchReason(): FetchReason {
    if (this.#waiters.size > 0) return this.#waiters.areAllRefreshes ? "refresh" : "miss";
    return this.#cached === undefined ? "miss" : "renewal";
  }

  /**
   * The current value, if `entry` is no better. Compares expiry and serving time: a value fetched later has a smaller skew margin,
   * which does not make it better.
   */
  #cachedOutlasting(entry: Expiring<V>): CachedValue<V> | undefined {
    const cached = this.#cached;
    if (cached === undefined || cached.isOutdated || !this.#isServable(this.#clock.monotonicMs())) return undefined;
    const isBetter = entry.expiresAtMs > cached.entry.expiresAtMs && servableUntilMs(entry) > cached.servableUntilMs;
    return isBetter ? undefined : cached;
  }
}
