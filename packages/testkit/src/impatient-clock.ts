/**
 * A clock that does not wait: a timer fires on the next turn of the event loop, and the clock is then as late as it
 * should be. For code that paces itself between requests to real sockets. Only the time limit of a whole exchange with
 * such a socket takes real time.
 */
import type { Clock } from "@ocir-broker/foundation";

export interface ImpatientClock extends Clock {
  /** Moves only the wall clock. */
  jumpWall(ms: number): void;
}

/** As long as the limits that tests give an exchange; no pause and no interval is so long. */
const EXCHANGE_LIMIT_MS = 10_000;

export function createImpatientClock(): ImpatientClock {
  let nowMs = 1_000;
  let wallOffsetMs = Date.now() - nowMs;
  return {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs + wallOffsetMs,
    setTimer(callback, delayMs) {
      if (delayMs === EXCHANGE_LIMIT_MS) {
        const timer = setTimeout(callback, delayMs);
        return { cancel: () => clearTimeout(timer) };
      }
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
