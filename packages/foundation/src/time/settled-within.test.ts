import { beforeEach, expect, it, vi } from "vitest";
import { createSystemClock } from "./clock.ts";
import { settledWithin } from "./settled-within.ts";

beforeEach(() => {
  vi.useFakeTimers();
  return () => void vi.useRealTimers();
});

it.each([
  ["succeeds", () => Promise.resolve()],
  ["fails", () => Promise.reject(new Error("failed"))],
])("settledWithin is true if the work %s, and leaves no timer", async (_how, work) => {
  expect(await settledWithin(work(), 100, createSystemClock())).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

it("settledWithin is false if the work takes longer", async () => {
  const settled = settledWithin(new Promise(() => {}), 100, createSystemClock());
  await vi.advanceTimersByTimeAsync(100);
  expect(await settled).toBe(false);
});
