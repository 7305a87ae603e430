import { expect, it } from "vitest";
import { createSystemClock } from "./clock.ts";
import { settledWithin } from "./settled-within.ts";

/** Its one timer ends when `timeUp` is called. */
function clockOfOneTimer() {
  let timeUp = (): void => {};
  let cancelled = 0;
  const setTimer = (work: () => void) => {
    timeUp = work;
    return { cancel: () => void cancelled++ };
  };
  return { clock: { ...createSystemClock(), setTimer }, timeUp: () => timeUp(), cancelled: () => cancelled };
}

it.each([
  ["succeeds", () => Promise.resolve()],
  ["fails", () => Promise.reject(new Error("failed"))],
])("settledWithin is true if the work %s, and leaves no timer", async (_how, work) => {
  const { clock, cancelled } = clockOfOneTimer();
  expect(await settledWithin(work(), 100, clock)).toBe(true);
  expect(cancelled()).toBe(1);
});

it("settledWithin is false if the work takes longer", async () => {
  const { clock, timeUp } = clockOfOneTimer();
  const settled = settledWithin(new Promise(() => {}), 100, clock);
  timeUp();
  expect(await settled).toBe(false);
});
