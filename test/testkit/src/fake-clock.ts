/**
 * A clock that only moves when a test moves it, and simulates jumps of the wall clock and suspends of the machine.
 */
import { setImmediate } from "node:timers/promises";

export type FakeClock = ReturnType<typeof createFakeClock>;

/** 2026-01-01T00:00:00Z: a wall time that makes readable dates. */
const START_WALL_MS = 1_767_225_600_000;

export function createFakeClock() {
  let nowMs = 1_000;
  let wallOffsetMs = START_WALL_MS - nowMs;
  const timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();
  /** Those that are due at the same time in the order in which they were armed. */
  const inOrder = () => [...timers].sort((a, b) => a.dueMs - b.dueMs);

  /** Moves both clocks and fires due timers in order; awaits the work they start, as far as it only needs promises. */
  async function advance(ms: number): Promise<void> {
    const endMs = nowMs + ms;
    await settle();
    for (let [next] = inOrder(); next !== undefined && next.dueMs <= endMs; [next] = inOrder()) {
      nowMs = Math.max(nowMs, next.dueMs);
      timers.delete(next);
      next.callback();
      await settle();
    }
    nowMs = endMs;
  }

  return {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs + wallOffsetMs,
    setTimer(callback: () => void, delayMs: number) {
      const timer = { dueMs: nowMs + Math.max(delayMs, 0), callback };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    advance,
    /** Simulates a suspend: both clocks jump, and timers that became due fire late, afterwards. */
    async suspend(ms: number) {
      await settle();
      nowMs += ms;
      await advance(0);
    },
    /** Moves only the wall clock, as if it was set. */
    jumpWall(ms: number) {
      wallOffsetMs += ms;
    },
    /** Delays from now of the armed timers, soonest first, in milliseconds. */
    armed: () => inOrder().map(({ dueMs }) => dueMs - nowMs),
    async untilArmed(count: number) {
      while (timers.size < count) await setImmediate();
    },
  };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate();
}
