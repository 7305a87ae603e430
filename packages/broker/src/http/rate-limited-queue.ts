/**
 * A few at once, the others in turn, a little apart: whoever asks again as soon as he is answered is slowed down, and what
 * is more urgent gets in between. Knows nothing of what is done.
 */
import type { Clock } from "@ocir-broker/foundation";

export interface RateLimitedQueue {
  /** Now or in turn. False when too many wait: it will not be done. */
  add(work: () => void): boolean;
}

export interface RateLimitedQueueOptions {
  readonly clock: Clock;
  /** So many begin within each `intervalMs`. */
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
