import { sleep } from "@ocir-broker/foundation/time/sleep";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { expect, it, onTestFinished, vi } from "vitest";
import { lead } from "./leadership.ts";

type Taken = "ours" | "outrun" | Error;

function setUp() {
  const clock = createFakeClock();
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const events: string[] = [];
  const lease = {
    taken: "ours" as Taken,
    lastWriteMs: 0,
    responseMs: 0,
    async take() {
      const sentAtMs = clock.monotonicMs();
      if (lease.responseMs > 0) await sleep(lease.responseMs, clock);
      if (lease.taken instanceof Error) throw lease.taken;
      return { kind: lease.taken, sentAtMs } as never;
    },
    async release() {
      events.push("released");
    },
  };
  const work = async (signal: AbortSignal) => {
    events.push("starts");
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await sleep(lease.lastWriteMs, clock);
    events.push("ends");
  };
  const onLeaseRead = vi.fn();
  const done = lead({ lease, clock, onLeaseRead, work, say: () => {} }, ending.signal);
  return { clock, ending, events, lease, onLeaseRead, done };
}

it("lead works on in a short outage of the API server, and stops after ten seconds or if another replica leads", async () => {
  const { clock, events, lease } = setUp();
  await clock.advance(2_000);
  lease.taken = new Error("no response");
  await clock.advance(8_000);
  expect(events).toEqual(["starts"]);
  await clock.advance(4_000);
  expect(events).toEqual(["starts", "ends"]);
  lease.taken = "ours";
  await clock.advance(2_000);
  expect(events).toEqual(["starts", "ends", "starts"]);
  lease.taken = "outrun";
  await clock.advance(2_000);
  expect(events).toEqual(["starts", "ends", "starts", "ends"]);
});

it("lead stops ten seconds after the request that renewed the Lease, however late the response was", async () => {
  const { clock, events, lease } = setUp();
  lease.responseMs = 4_000;
  // The second request is sent after 2 s.
  await clock.advance(6_000);
  lease.taken = new Error("no response");
  await clock.advance(5_900);
  expect(events).toEqual(["starts"]);
  await clock.advance(200);
  expect(events).toEqual(["starts", "ends"]);
});

it("lead ends the work before it releases the Lease", async () => {
  const { clock, events, ending, lease, done } = setUp();
  lease.lastWriteMs = 3_000;
  await clock.advance(1_000);
  ending.abort();
  await clock.advance(5_000);
  await done;
  expect(events).toEqual(["starts", "ends", "released"]);
});

it("lead reports the Lease as read only when the API server has it", async () => {
  const { clock, lease, onLeaseRead } = setUp();
  lease.taken = new Error('404: leases.coordination.k8s.io "ocir-pull-secrets" not found');
  await clock.advance(6_000);
  expect(onLeaseRead).toHaveBeenCalledTimes(1);
  lease.taken = "outrun";
  await clock.advance(2_000);
  expect(onLeaseRead.mock.calls.length).toBeGreaterThan(1);
});
