import { createFakeClock } from "@ocir-broker/testkit";
import { expect, it } from "vitest";
import { createRateLimitedQueue } from "./rate-limited-queue.ts";

function setUp() {
  const clock = createFakeClock();
  const done: number[] = [];
  const queue = createRateLimitedQueue({ clock, perInterval: 2, intervalMs: 10, maxQueued: 3 });
  const take = (work: number): boolean => queue.add(() => void done.push(work));
  return { clock, done, take };
}

it("RateLimitedQueue starts a few per interval, queues the others, and refuses more than fit", async () => {
  const { clock, done, take } = setUp();
  expect([1, 2, 3, 4, 5, 6].map(take)).toEqual([true, true, true, true, true, false]);
  expect(done).toEqual([1, 2]);
  await clock.advance(10);
  expect(done).toEqual([1, 2, 3, 4]);
  expect(take(7)).toBe(true);
  await clock.advance(10);
  expect(done).toEqual([1, 2, 3, 4, 5, 7]);
});

it("RateLimitedQueue delays no single request, and sets no timer when idle", async () => {
  const { clock, done, take } = setUp();
  for (const work of [1, 2, 3]) {
    take(work);
    expect(done.at(-1)).toBe(work);
    await clock.advance(10);
    expect(clock.armed()).toEqual([]);
  }
});

it("RateLimitedQueue keeps the order of requests", async () => {
  const { clock, done, take } = setUp();
  for (const work of [1, 2, 3]) take(work);
  await clock.advance(10);
  for (const work of [4, 5]) take(work);
  await clock.advance(10);
  expect(done).toEqual([1, 2, 3, 4, 5]);
});
