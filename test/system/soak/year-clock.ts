/**
 * The clock of a year: like the testkit's fake clock, but timers due within one step fire together, and it waits for work
 * that takes real time. One step is 5 ms.
 */
import { setImmediate } from "node:timers/promises";
import type { Clock } from "@ocir-broker/foundation";

export interface YearClock extends Clock {
  /** Number of armed timers. */
  armed(): number;
  /** Fires all timers up to `untilMs`, in their order. */
  runUntil(untilMs: number): Promise<void>;
}

interface ArmedTimer {
  readonly dueMs: number;
  readonly callback: () => void;
}

const STEP_MS = 5;
/** 2026-01-01T00:00:00Z. */
const START_WALL_MS = 1_767_225_600_000;

/** `isBusy`: if work is in progress that takes real time. */
export function createYearClock(isBusy: () => boolean): YearClock {
  const timers = new Set<ArmedTimer>();
  let nowMs = 0;

  function next(untilMs: number): ArmedTimer | undefined {
    let soonest: ArmedTimer | undefined;
    for (const timer of timers) {
      if (timer.dueMs <= untilMs && timer.dueMs < (soonest?.dueMs ?? Number.POSITIVE_INFINITY)) soonest = timer;
    }
    return soonest;
  }

  async function settle(): Promise<void> {
    do await setImmediate();
    while (isBusy());
  }

  return {
    monotonicMs: () => nowMs,
    wallMs: () => START_WALL_MS + nowMs,
    armed: () => timers.size,
    setTimer(callback, delayMs) {
      const timer = { dueMs: nowMs + Math.max(delayMs, 0), callback };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    async runUntil(untilMs) {
      await settle();
      for (let first = next(untilMs); first !== undefined; first = next(untilMs)) {
        const stepEndMs = Math.min(first.dueMs + STEP_MS, untilMs);
        for (let timer: typeof first | undefined = first; timer !== undefined; timer = next(stepEndMs)) {
          timers.delete(timer);
          nowMs = Math.max(nowMs, timer.dueMs);
          timer.callback();
        }
        await settle();
      }
      nowMs = untilMs;
    },
  };
}
