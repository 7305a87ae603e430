/**
 * Limits how many requests start per interval and queues the rest, so that busy clients cannot starve credential requests.
 */
import type { Clock } from "@ocir-broker/foundation";

export interface RateLimitedQueue {
  /** Runs `work` now or in a later interval. Returns false, and does not run it, if the queue is full. */
  add(work: () => void): boolean;
}

export interface RateLimitedQueueOptions {
  readonly clock: Clock;
  /** Starts within each `intervalMs`. */
  readonly perInterval: number;
  readonly intervalMs: number;
  readonly maxQueued: number;
}

export function createRateLimitedQueue({
  clock,
  perInterval,
  intervalMs,
  maxQueued,
}: RateLimitedQueueOptions): RateLimitedQueue {
  const queued: (() => void)[] = [];
  let isOpen = false;
  let started = 0;

  function openInterval(): void {
    isOpen = true;
    started = 0;
    clock.setTimer(nextInterval, intervalMs);
  }

  function nextInterval(): void {
    isOpen = false;
    if (queued.length === 0) return;
    openInterval();
    const next = queued.splice(0, perInterval);
    started = next.length;
    for (const work of next) work();
  }

  return {
    add(work) {
      if (!isOpen) openInterval();
      if (started < perInterval) {
        started += 1;
        work();
        return true;
      }
      if (queued.length >= maxQueued) return false;
      queued.push(work);
      return true;
    },
  };
}
