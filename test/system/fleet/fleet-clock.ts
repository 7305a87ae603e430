/**
 * One clock for ten thousand nodes: like the testkit's fake clock, but with a heap, for it carries millions of timers.
 * Timers due within one step fire together before the promises they started go on; a step is 5 ms.
 */
import { setImmediate } from "node:timers/promises";
import type { Clock } from "@ocir-broker/foundation";

export interface FleetClock extends Clock {
  /** Timers that are set and will fire. */
  armed(): number;
  /** Fires all timers up to `untilMs`, in their order. */
  runUntil(untilMs: number): Promise<void>;
}

interface ArmedTimer {
  readonly dueMs: number;
  /** Of two that are due at once, the one set first fires first. */
  readonly number: number;
  callback: (() => void) | undefined;
}

const STEP_MS = 5;
/** 2026-01-01T00:00:00Z. */
const START_WALL_MS = 1_767_225_600_000;

/** `isBusy`: whether something is under way that takes real time, for which this clock stands still. */
export function createFleetClock(isBusy: () => boolean = () => false): FleetClock {
  const heap: ArmedTimer[] = [];
  let nowMs = 0;
  let timers = 0;
  let armed = 0;

  function fire(untilMs: number): void {
    for (let next = heap[0]; next !== undefined && next.dueMs <= untilMs; next = heap[0]) {
      removeFirst(heap);
      nowMs = Math.max(nowMs, next.dueMs);
      if (next.callback === undefined) continue;
      armed--;
      const { callback } = next;
      next.callback = undefined;
      callback();
    }
  }

  async function settle(): Promise<void> {
    do await setImmediate();
    while (isBusy());
  }

  return {
    monotonicMs: () => nowMs,
    wallMs: () => START_WALL_MS + nowMs,
    armed: () => armed,
    setTimer(callback, delayMs) {
      const timer: ArmedTimer = { dueMs: nowMs + Math.max(delayMs, 0), number: timers++, callback };
      insert(heap, timer);
      armed++;
      return {
        cancel() {
          if (timer.callback !== undefined) armed--;
          timer.callback = undefined;
        },
      };
    },
    async runUntil(untilMs) {
      await settle();
      for (let next = heap[0]; next !== undefined && next.dueMs <= untilMs; next = heap[0]) {
        fire(Math.min(next.dueMs + STEP_MS, untilMs));
        await settle();
      }
      nowMs = untilMs;
    },
  };
}

function isBefore(a: ArmedTimer, b: ArmedTimer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.number < b.number);
}

function insert(heap: ArmedTimer[], timer: ArmedTimer): void {
  let place = heap.length;
  while (place > 0) {
    const above = (place - 1) >> 1;
    const parent = heap[above] as ArmedTimer;
    if (isBefore(parent, timer)) break;
    heap[place] = parent;
    place = above;
  }
  heap[place] = timer;
}

function removeFirst(heap: ArmedTimer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let place = 0;
  for (;;) {
    let below = 2 * place + 1;
    if (below >= heap.length) break;
    const [left, right] = [heap[below] as ArmedTimer, heap[below + 1]];
    const child = right !== undefined && isBefore(right, left) ? right : left;
    if (child === right) below++;
    if (isBefore(last, child)) break;
    heap[place] = child;
    place = below;
  }
  heap[place] = last;
}
