/** The callers who wait for one key's value, in the order in which they came. Starts no fetch. */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Clock, Timer } from "@ocir-broker/foundation/time/clock";

export interface WaitingCaller<V, S> {
  /** What the caller brought for the fetch. */
  readonly source: S;
  /** A refresh wants a newer value than the current one, and waits for one fetch only, however long that takes. */
  readonly isRefresh: boolean;
  /** A fetch that starts later is too late; for a refresh, any other fetch. */
  readonly deadlineMs: number;
  readonly timer: Timer | undefined;
  readonly resolve: (entry: Expiring<V>) => void;
  readonly reject: (error: unknown) => void;
}

export class WaitingCallers<V, S> {
  readonly #clock: Clock;
  readonly #timeoutError: () => unknown;
  readonly #waiting = new Set<WaitingCaller<V, S>>();

  /** `timeoutError` makes the error of a caller whose deadline has passed, after that caller was removed. */
  constructor(clock: Clock, timeoutError: () => unknown) {
    this.#clock = clock;
    this.#timeoutError = timeoutError;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** The caller who has waited longest. */
  get first(): WaitingCaller<V, S> | undefined {
    const [first] = this.#waiting;
    return first;
  }

  get hasRefresh(): boolean {
    return [...this.#waiting].some(({ isRefresh }) => isRefresh);
  }

  get areAllRefreshes(): boolean {
    return [...this.#waiting].every(({ isRefresh }) => isRefresh);
  }

  add(source: S, waitMs: number): Promise<Expiring<V>> {
    const { promise, resolve, reject } = Promise.withResolvers<Expiring<V>>();
    const deadlineMs = this.#clock.monotonicMs() + waitMs;
    const timer = this.#clock.setTimer(() => {
      this.#waiting.delete(caller);
      reject(this.#timeoutError());
    }, waitMs);
    const caller = { source, isRefresh: false, deadlineMs, timer, resolve, reject };
    this.#waiting.add(caller);
    return promise;
  }

  addRefresh(source: S): Promise<Expiring<V>> {
    const { promise, resolve, reject } = Promise.withResolvers<Expiring<V>>();
    this.#waiting.add({ source, isRefresh: true, deadlineMs: -Infinity, timer: undefined, resolve, reject });
    return promise;
  }

  resolve(entry: Expiring<V>): void {
    for (const caller of this.#waiting) {
      this.#remove(caller);
      caller.resolve(entry);
    }
  }

  reject(error: unknown, isConcerned: (caller: WaitingCaller<V, S>) => boolean): void {
    for (const caller of this.#waiting) {
      if (!isConcerned(caller)) continue;
      this.#remove(caller);
      caller.reject(error);
    }
  }

  #remove(caller: WaitingCaller<V, S>): void {
    caller.timer?.cancel();
    this.#waiting.delete(caller);
  }
}
