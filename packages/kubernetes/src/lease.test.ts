import { expect, it } from "vitest";
import { createLease } from "./lease.ts";

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
  expect(await node.take()).toEqual({ kind: "ours" });
});
