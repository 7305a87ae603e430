import { createFakeClock } from "@ocir-broker/testkit";
import { expect, it } from "vitest";
import { createBackgroundQueue } from "./background-queue.ts";

function setUp() {
  const clock = createFakeClock();
  const queue = createBackgroundQueue({ clock });
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const work = (id: number) => () => {
    started.push(id);
    return new Promise<void>((resolve) => void ends.push(resolve));
  };
  return { clock, queue, started, ends, work };
}

it("createBackgroundQueue starts nothing at once, then one after the other, eight at a time", async () => {
  const { clock, queue, started, ends, work } = setUp();
  for (let id = 0; id < 10; id++) queue.add(work(id));
  expect(started).toEqual([]);
  await clock.advance(10);
  expect(started).toEqual([0]);
  await clock.advance(1_000);
  expect(started).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  ends[3]?.();
  await clock.advance(10);
  expect(started).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

it("createBackgroundQueue takes no more than fit, and goes on after work that failed", async () => {
  const { clock, queue, started, work } = setUp();
  queue.add(() => Promise.reject(new Error("failed")));
  for (let id = 1; id < 512; id++) expect(queue.add(work(id))).toBe(true);
  expect(queue.add(work(512))).toBe(false);
  await clock.advance(20);
  expect(started).toEqual([1]);
});

it("createBackgroundQueue drops what waits when it is closed", async () => {
  const { clock, queue, started, work } = setUp();
  queue.add(work(1));
  queue.close();
  expect(queue.add(work(2))).toBe(false);
  await clock.advance(1_000);
  expect(started).toEqual([]);
});
