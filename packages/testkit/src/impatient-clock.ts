/** A clock that does not wait: a timer fires on the next turn of the event loop, and the clock then has the timer's due time. */
import type { Clock } from "@ocir-broker/foundation/time/clock";

interface ImpatientClock extends Clock {
  /** Moves only the wall clock. */
  jumpWall(ms: number): void;
}

export function createImpatientClock(): ImpatientClock {
  let nowMs = 1_000;
  let wallOffsetMs = Date.now() - nowMs;
  return {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs + wallOffsetMs,
    setTimer(callback, delayMs) {
      const dueMs = nowMs + delayMs;
      const turn = setImmediate(() => {
        nowMs = Math.max(nowMs, dueMs);
        callback();
      });
      return { cancel: () => clearImmediate(turn) };
    },
    jumpWall(ms) {
      wallOffsetMs += ms;
    },
  };
}
