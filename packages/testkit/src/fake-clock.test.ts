import { expect, test } from "vitest";
import { createFakeClock } from "./fake-clock.ts";

test("createFakeClock fires timers at their own time when it is moved past them", async () => {
  const clock = createFakeClock();
  const startMs = clock.monotonicMs();
  const fired: [string, number][] = [];
  clock.setTimer(() => fired.push(["second", clock.monotonicMs() - startMs]), 20);
  clock.setTimer(() => fired.push(["first", clock.monotonicMs() - startMs]), 10);
  clock.setTimer(() => fired.push(["later", clock.monotonicMs() - startMs]), 31);
  clock.setTimer(() => fired.push(["never", 0]), 5).cancel();

  await clock.advance(30);

  expect(fired).toEqual([
    ["first", 10],
    ["second", 20],
  ]);
  expect(clock.armed()).toEqual([1]);
});

test("createFakeClock fires timers late, all on waking, after a suspend", async () => {
  const clock = createFakeClock();
  const [startMs, startWallMs] = [clock.monotonicMs(), clock.wallMs()];
  const fired: number[] = [];
  clock.setTimer(() => fired.push(clock.monotonicMs() - startMs), 10);
  clock.setTimer(() => fired.push(clock.monotonicMs() - startMs), 20);

  await clock.suspend(3_600_000);

  expect(fired).toEqual([3_600_000, 3_600_000]);
  expect(clock.wallMs() - startWallMs).toBe(3_600_000);
});

test("createFakeClock moves only the wall clock when somebody sets it", async () => {
  const clock = createFakeClock();
  const [startMs, startWallMs] = [clock.monotonicMs(), clock.wallMs()];
  clock.jumpWall(-7_200_000);
  expect([clock.monotonicMs() - startMs, clock.wallMs() - startWallMs]).toEqual([0, -7_200_000]);
});

test("createFakeClock lets a test wait until timers are armed", async () => {
  const clock = createFakeClock();
  setImmediate(() => clock.setTimer(() => undefined, 5));
  await clock.untilArmed(1);
  expect(clock.armed()).toEqual([5]);
});
