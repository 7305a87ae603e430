import { expect, it } from "vitest";
import { ApiError } from "./api-error.ts";
import type { ApiServer } from "./api-server.ts";
import { createLease } from "./lease.ts";

function leaseOf(identity: string, send: ApiServer["send"], nowMs = () => 0) {
  return createLease({
    ...{ api: { send }, namespace: "a", name: "b", identity, leaseSeconds: 60 },
    clock: { monotonicMs: nowMs, wallMs: () => 0 },
    deadline: () => new AbortController().signal,
    say: () => {},
  });
}

it("createLease takes over a Lease that has not changed for an hour, and counts from its request", async () => {
  const metadata = { resourceVersion: "1" };
  let nowMs = 0;
  const spec = { holderIdentity: "gone", leaseDurationSeconds: 2 ** 31 - 1 };
  const send: ApiServer["send"] = async ({ method }) => {
    if (method === "PATCH") nowMs += 5_000;
    return { metadata, spec };
  };
  const node = leaseOf("b", send, () => nowMs);
  expect(await node.take()).toEqual({ kind: "waiting", holder: "gone" });
  nowMs = 3_599_000;
  expect(await node.take()).toEqual({ kind: "waiting", holder: "gone" });
  nowMs = 3_600_000;
  expect(await node.take()).toEqual({ kind: "ours", sentAtMs: 3_600_000 });
});

it("createLease takes no Lease that another program has changed since it was read", async () => {
  const bodies: unknown[] = [];
  const node = leaseOf("a", async ({ method, body }) => {
    if (method === "GET") return { metadata: { resourceVersion: "1" } };
    bodies.push(body);
    throw new ApiError(409, "");
  });
  expect(await node.take()).toEqual({ kind: "outrun" });
  expect(bodies).toEqual([expect.objectContaining({ metadata: { resourceVersion: "1" } })]);
});
