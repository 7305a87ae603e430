/** Real time at a multiple of its speed, and with leaps: hours of renewals in seconds, over real sockets. */
export type FastClock = ReturnType<typeof createFastClock>;

interface Armed {
  readonly dueMs: number;
  readonly callback: () => void;
  handle: NodeJS.Timeout;
}

/** Starts two days ago, so that certificates from its time are valid for TLS, which uses the real time. */
const BEGINS_BEFORE_MS = 2 * 86_400_000;

/**
 * `requestLimitMs`: timers of this length run in real time and through leaps, as the limits of undici do, because what they
 * limit is a real request.
 */
export function createFastClock(speed: number, requestLimitMs: number) {
  const startedAtMs = performance.now();
  const wallOffsetMs = Date.now() - BEGINS_BEFORE_MS;
  const armed = new Set<Armed>();
  let leaptMs = 0;
  const monotonicMs = (): number => (performance.now() - startedAtMs) * speed + leaptMs;

  function sleep(timer: Armed): NodeJS.Timeout {
    return setTimeout(
      () => {
        if (monotonicMs() < timer.dueMs) {
          timer.handle = sleep(timer);
          return;
        }
        armed.delete(timer);
        timer.callback();
      },
      Math.min(Math.max(0, (timer.dueMs - monotonicMs()) / speed), 1_000_000),
    );
  }

  return {
    monotonicMs,
    wallMs: () => wallOffsetMs + monotonicMs(),
    setTimer(callback: () => void, delayMs: number) {
      if (delayMs === requestLimitMs) {
        const timer = setTimeout(callback, delayMs);
        return { cancel: () => clearTimeout(timer) };
      }
      const timer = { dueMs: monotonicMs() + delayMs, callback } as Armed;
      timer.handle = sleep(timer);
      armed.add(timer);
      return {
        cancel() {
          armed.delete(timer);
          clearTimeout(timer.handle);
        },
      };
    },
    /** Moves both clocks; timers that become due fire on the next turn. */
    leap(ms: number) {
      leaptMs += ms;
      for (const timer of armed) {
        clearTimeout(timer.handle);
        timer.handle = sleep(timer);
      }
    },
  };
}
