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

it("createLease takes over a Lease that has not changed for an hour, whatever its duration", async () => {
  const metadata = { resourceVersion: "1" };
  let nowMs = 0;
  const held = { metadata, spec: { holderIdentity: "gone", leaseDurationSeconds: 2 ** 31 - 1 } };
  const node = leaseOf(
    "b",
    async () => held,
    () => nowMs,
  );
  expect(await node.take()).toEqual({ kind: "waiting", holder: "gone" });
  nowMs = 3_599_000;
  expect(await node.take()).toEqual({ kind: "waiting", holder: "gone" });
  nowMs = 3_600_000;
  expect(await node.take()).toEqual({ kind: "ours", sentAtMs: 3_600_000 });
});

it("createLease gives a Lease that two read at the same time to one of them", async () => {
  let version = 1;
  // As the API server does, which compares only a version that the request names.
  const patch = ({ metadata }: { metadata?: { resourceVersion?: string } }) => {
    if ((metadata?.resourceVersion ?? String(version)) !== String(version)) throw new ApiError(409, "");
    version += 1;
    return {};
  };
  const reads = Promise.withResolvers<void>();
  let readers = 0;
  const send: ApiServer["send"] = async ({ method, body }) => {
    if (method === "PATCH") return patch(body as object);
    const metadata = { resourceVersion: String(version) };
    if (++readers === 2) reads.resolve();
    await reads.promise;
    return { metadata };
  };
  const states = await Promise.all([leaseOf("a", send).take(), leaseOf("b", send).take()]);
  expect(states.map(({ kind }) => kind)).toEqual(["ours", "outrun"]);
});
