/**
 * Limits how much work runs at once and how often some starts. The rest waits in the order in which it was added.
 *
 * The rate is a token bucket (GCRA). One number is kept: when the whole burst is free again.
 */
import type { Clock, Timer } from "./clock.ts";

export interface LimiterOptions {
  readonly clock: Clock;
  /** Default: any number. */
  readonly concurrency?: number;
  /** How many may start without spacing. If it is 0, the first one waits too, so nothing starts within `add`. Default: 0. */
  readonly burst?: number;
  /** Between two starts in the long run. Default: 0, any rate. */
  readonly spacingMs?: number;
  /** Default: any number. */
  readonly maxQueued?: number;
}

export type Limiter = ReturnType<typeof createLimiter>;

export function createLimiter(options: LimiterOptions) {
  const { clock, concurrency = Infinity, burst = 0, spacingMs = 0, maxQueued = Infinity } = options;
  const queued: (() => unknown)[] = [];
  let running = 0;
  let fullAtMs = 0;
  let timer: Timer | undefined;
  let isClosed = false;

  function startDue(): void {
    while (timer === undefined && queued.length > 0 && running < concurrency) {
      const waitMs = reserve();
      if (waitMs > 0) timer = clock.setTimer(onTimer, waitMs);
      else start();
    }
  }

  /** Reserves the next start. @returns how long to wait before it. */
  function reserve(): number {
    const nowMs = clock.monotonicMs();
    fullAtMs = Math.max(nowMs, fullAtMs) + spacingMs;
    return fullAtMs - nowMs - burst * spacingMs;
  }

  function onTimer(): void {
    timer = undefined;
    start();
    startDue();
  }

  function start(): void {
    const work = queued.shift();
    running += 1;
    // The owner of the work handles its result and its errors.
    Promise.resolve(work?.()).then(onEnd, onEnd);
  }

  function onEnd(): void {
    running -= 1;
    startDue();
  }

  return {
    /** Starts `work` now or later. Returns false, and drops it, if the queue is full or the limiter is closed. */
    add(work: () => unknown): boolean {
      if (isClosed || queued.length >= maxQueued) return false;
      queued.push(work);
      startDue();
      return true;
    },
    /** Delays the next starts as if `count` more had taken place. */
    charge(count: number): void {
      fullAtMs = Math.max(clock.monotonicMs(), fullAtMs) + count * spacingMs;
    },
    /** Drops the waiting work. Running work continues. */
    close(): void {
      isClosed = true;
      queued.length = 0;
      timer?.cancel();
      timer = undefined;
    },
  };
}
