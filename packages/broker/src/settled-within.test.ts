import { createFakeClock } from "@ocir-broker/testkit";
import { expect, it } from "vitest";
import { settledWithin } from "./settled-within.ts";

it.each([
  ["work that succeeds", () => Promise.resolve()],
  ["work that fails", () => Promise.reject(new Error("failed"))],
])("settledWithin ends with %s and leaves no timer", async (_title, work) => {
  const clock = createFakeClock();
  expect(await settledWithin(work(), 1_000, clock)).toBe(true);
  expect(clock.armed()).toEqual([]);
});

it("settledWithin gives up after its time", async () => {
  const clock = createFakeClock();
  const ended = settledWithin(new Promise(() => undefined), 1_000, clock);
  await clock.advance(1_000);
  expect(await ended).toBe(false);
});
