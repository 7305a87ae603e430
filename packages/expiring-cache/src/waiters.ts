/** The callers who wait for one value, each with its own deadline. Does not know about fetches; fetches do not know deadlines. */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Clock, Timer } from "@ocir-broker/foundation/time/clock";

interface Waiter<V> {
  readonly deadlineMs: number;
  readonly timer: Timer;
  readonly resolve: (entry: Expiring<V>) => void;
  readonly reject: (error: unknown) => void;
}

export class Waiters<V> {
  readonly #clock: Clock;
  readonly #timeoutError: () => unknown;
  readonly #waiting = new Set<Waiter<V>>();

  /** `timeoutError` makes the error of a caller whose deadline has passed, after that caller was removed. */
  constructor(clock: Clock, timeoutError: () => unknown) {
    this.#clock = clock;
    this.#timeoutError = timeoutError;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(waitMs: number): Promise<Expiring<V>> {
    const { promise, resolve, reject } = Promise.withResolvers<Expiring<V>>();
    const giveUp = (): void => {
      this.#waiting.delete(waiter);
      reject(this.#timeoutError());
    };
    const deadlineMs = this.#clock.monotonicMs() + waitMs;
    const waiter = { deadlineMs, timer: this.#clock.setTimer(giveUp, waitMs), resolve, reject };
    this.#waiting.add(waiter);
    return promise;
  }

  resolve(entry: Expiring<V>): void {
    this.#settle(Infinity, (waiter) => waiter.resolve(entry));
  }

  /** Rejects only callers whose deadline is at or before `untilMs`: the others wait for another attempt. */
  reject(error: unknown, untilMs = Infinity): void {
    this.#settle(untilMs, (waiter) => waiter.reject(error));
  }

  #settle(untilMs: number, settle: (waiter: Waiter<V>) => void): void {
    for (const waiter of this.#waiting) {
      if (waiter.deadlineMs > untilMs) continue;
      waiter.timer.cancel();
      this.#waiting.delete(waiter);
      settle(waiter);
    }
  }
}
