/**
 * A clock that does not wait: a timer fires on the next turn of the event loop, and the clock then has the timer's due time. For
 * code that spaces its requests to real sockets. Only the time limit of a whole request takes real time.
 */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { FakeClock } from "./fake-clock.ts";

/** The time limit that tests give a request; longer than any pause or interval. */
const REQUEST_LIMIT_MS = 10_000;

export function createImpatientClock(): Clock & Pick<FakeClock, "jumpWall"> {
  let nowMs = 1_000;
  let wallOffsetMs = Date.now() - nowMs;
  return {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs + wallOffsetMs,
    setTimer(callback, delayMs) {
      if (delayMs === REQUEST_LIMIT_MS) {
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
