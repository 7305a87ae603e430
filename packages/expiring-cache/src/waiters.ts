/** The callers who wait for one value, each with its own deadline. Knows nothing of fetches; fetches know nothing of deadlines. */
import type { Clock, Expiring, Timer } from "@ocir-broker/foundation";

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

  /** `timeoutError` is asked for the error of a caller whose time is over, after that caller has left. */
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
    this.#settle(Number.POSITIVE_INFINITY, (waiter) => waiter.resolve(entry));
  }

  /** Only those whose time is over by `untilMs`: the others have another attempt to wait for. */
  reject(error: unknown, untilMs = Number.POSITIVE_INFINITY): void {
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
