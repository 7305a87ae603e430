/**
 * For tests with real sockets: the system's clock, whose monotonic time a test moves on to reach an expiry or a deadline. Timers run in
 * real time, so no limit is reached because the machine is busy.
 */
import { type Clock, createSystemClock } from "@ocir-broker/foundation";

export interface ShiftedClock extends Clock {
  shift(ms: number): void;
}

export function createShiftedClock(): ShiftedClock {
  const system = createSystemClock();
  let shiftedMs = 0;
  return {
    ...system,
    monotonicMs: () => system.monotonicMs() + shiftedMs,
    shift(ms) {
      shiftedMs += ms;
    },
  };
}
