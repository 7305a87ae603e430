import { beforeEach, expect, it, vi } from "vitest";
import { createSystemClock } from "./clock.ts";
import { createLimiter, type LimiterOptions } from "./limiter.ts";

beforeEach(() => {
  vi.useFakeTimers();
  return () => void vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const armed = () => vi.getTimerCount();

function setUp(options: Omit<LimiterOptions, "clock">) {
  const limiter = createLimiter({ clock: createSystemClock(), ...options });
  const started: number[] = [];
  const ends: (() => void)[] = [];
  /** Work that ends when the test says so. */
  const addLasting = (id: number): boolean =>
    limiter.add(() => {
      started.push(id);
      return new Promise<void>((resolve) => void ends.push(resolve));
    });
  const addBrief = (id: number): boolean => limiter.add(() => void started.push(id));
  return { limiter, started, ends, addLasting, addBrief };
}

it("createLimiter without a burst starts work one after the other, never within add, up to concurrency", async () => {
  const { addLasting, started, ends } = setUp({ concurrency: 2, spacingMs: 10 });
  for (const id of [1, 2, 3, 4]) addLasting(id);
  await pass(9);
  expect(started).toEqual([]);
  await pass(1);
  expect(started).toEqual([1]);
  await pass(100);
  expect(started).toEqual([1, 2]);
  ends[1]?.();
  await pass(10);
  expect(started).toEqual([1, 2, 3]);
});

it("createLimiter starts a burst at once and the others evenly spaced, in the order of adding", async () => {
  const { addBrief, started } = setUp({ burst: 2, spacingMs: 5 });
  for (const id of [1, 2, 3, 4]) addBrief(id);
  expect(started).toEqual([1, 2]);
  await pass(5);
  addBrief(5);
  expect(started).toEqual([1, 2, 3]);
  await pass(10);
  expect(started).toEqual([1, 2, 3, 4, 5]);
});

it("createLimiter restores the whole burst after a rest, never more, and sets no timer when idle", async () => {
  const { addBrief, started } = setUp({ burst: 2, spacingMs: 5 });
  for (let round = 1; round <= 2; round++) {
    for (const id of [1, 2, 3]) addBrief(id);
    expect(started).toHaveLength(2);
    expect(armed()).toBe(1);
    await pass(1_000);
    expect(started.splice(0)).toEqual([1, 2, 3]);
    expect(armed()).toBe(0);
  }
});

it("createLimiter with concurrency 1 is a mutex", async () => {
  const { addLasting, started, ends } = setUp({ concurrency: 1 });
  for (const id of [1, 2]) addLasting(id);
  expect(started).toEqual([1]);
  await pass(1_000);
  expect(started).toEqual([1]);
  ends[0]?.();
  await pass(1);
  expect(started).toEqual([1, 2]);
});

it("createLimiter refuses work when the queue is full", async () => {
  const { addBrief, started } = setUp({ burst: 1, spacingMs: 5, maxQueued: 2 });
  expect([1, 2, 3, 4].map(addBrief)).toEqual([true, true, true, false]);
  await pass(5);
  expect(addBrief(5)).toBe(true);
  await pass(100);
  expect(started).toEqual([1, 2, 3, 5]);
});

it("createLimiter continues after failed work", async () => {
  const { limiter, addBrief, started } = setUp({ concurrency: 1 });
  limiter.add(() => Promise.reject(new Error("failed")));
  addBrief(2);
  await pass(1);
  expect(started).toEqual([2]);
});

it("createLimiter drops queued work when it is closed", async () => {
  const { limiter, addBrief, started } = setUp({ spacingMs: 5 });
  addBrief(1);
  limiter.close();
  expect(addBrief(2)).toBe(false);
  expect(armed()).toBe(0);
  await pass(1_000);
  expect(started).toEqual([]);
});
