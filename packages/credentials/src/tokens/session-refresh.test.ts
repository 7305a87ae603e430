import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { expect, it, vi } from "vitest";
import { createSessionRefresh } from "./session-refresh.ts";

/** On a fake clock nothing takes long: a promise that never settles fails soon. */
vi.setConfig({ testTimeout: 10_000 });

function setUp() {
  const clock = createFakeClock();
  const cloud = { refreshes: 0, isDown: false };
  const refreshSession = createSessionRefresh(clock, async () => {
    cloud.refreshes++;
    if (cloud.isDown) throw new Error("down");
  });
  return { clock, cloud, refreshSession };
}

it("createSessionRefresh starts one refresh per 30 s on average, at least 10 s apart, and shares each", async () => {
  const { clock, cloud, refreshSession } = setUp();
  const startedAtS: number[] = [];
  for (let second = 0; second <= 120; second++) {
    const before = cloud.refreshes;
    const shared = refreshSession();
    expect(refreshSession()).toBe(shared);
    if (cloud.refreshes > before) startedAtS.push(second);
    await clock.advance(1_000);
  }
  expect(startedAtS).toEqual([0, 10, 30, 60, 90, 120]);
});

it("createSessionRefresh shares a failure, and retries after 10 s", async () => {
  const { clock, cloud, refreshSession } = setUp();
  cloud.isDown = true;
  const first = refreshSession();
  await clock.advance(9_999);
  expect(refreshSession()).toBe(first);
  await expect(first.done).rejects.toThrow("down");

  cloud.isDown = false;
  await clock.advance(1);
  await refreshSession().done;
  expect(cloud.refreshes).toBe(2);
});
