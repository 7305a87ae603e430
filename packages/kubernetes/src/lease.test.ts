import { expect, it } from "vitest";
import { ApiError } from "./api-error.ts";
import type { ApiServer } from "./api-server.ts";
import { createLease, createLeaseRequests } from "./lease.ts";

it("createLease takes over a Lease that has not changed for an hour, whatever its duration", async () => {
  const lease = {
    metadata: { resourceVersion: "1" },
    spec: { holderIdentity: "gone", leaseDurationSeconds: 2 ** 31 - 1 },
  };
  let nowSeconds = 0;
  const requests = { readLease: async () => lease, patchLease: async () => {} };
  const times = { nowSeconds: () => nowSeconds, wallMs: () => 0 };
  const node = createLease({ requests, identity: "b", leaseSeconds: 60, ...times, say: () => {} });
  expect(await node.take()).toEqual({ kind: "waiting", holder: "gone" });
  nowSeconds = 3_599;
  expect(await node.take()).toEqual({ kind: "waiting", holder: "gone" });
  nowSeconds = 3_600;
  expect(await node.take()).toEqual({ kind: "ours", sentAtSeconds: 3_600 });
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
  const api = { send } as ApiServer;
  const requests = createLeaseRequests(api, { namespace: "a", name: "b" }, () => new AbortController().signal);
  const lease = (identity: string) =>
    createLease({ requests, identity, leaseSeconds: 60, nowSeconds: () => 0, wallMs: () => 0, say: () => {} });
  const states = await Promise.all([lease("a").take(), lease("b").take()]);
  expect(states.map(({ kind }) => kind)).toEqual(["ours", "outrun"]);
});
