import { expect, it } from "vitest";
import { createNodeLease } from "./lease.ts";

it("createNodeLease takes over a Lease that has not changed for an hour, whatever its duration", async () => {
  const lease = {
    metadata: { resourceVersion: "1" },
    spec: { holderIdentity: "gone", leaseDurationSeconds: 2 ** 31 - 1 },
  };
  let nowSeconds = 0;
  const cluster = { readLease: async () => lease, patchLease: async () => {} };
  const times = { nowSeconds: () => nowSeconds, wallMs: () => 0 };
  const node = createNodeLease({ cluster, node: "b", leaseSeconds: 60, ...times, say: () => {} });
  expect(await node.take()).toEqual({ kind: "waiting", holder: "gone" });
  nowSeconds = 3_599;
  expect(await node.take()).toEqual({ kind: "waiting", holder: "gone" });
  nowSeconds = 3_600;
  expect(await node.take()).toEqual({ kind: "ours" });
});
