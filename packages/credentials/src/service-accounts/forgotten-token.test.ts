import { generateKeyPairSync } from "node:crypto";
import { getHeapSnapshot } from "node:v8";
import { Secret } from "@ocir-broker/foundation/secret";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { jwtOf, podClaims } from "@ocir-broker/testkit/jwt";
import { expect, it } from "vitest";
import { requestFor } from "../../test/kubelet-request.ts";
import { createKubeletCredentials } from "../pulls/kubelet-credentials.ts";
import { createPullTokens } from "./pull-tokens.ts";
import { createServiceAccountCache } from "./service-account-cache.ts";

/** The test must not hold the text that it looks for, so it only has the bytes. */
const CANARY = Buffer.from("706f642d746f6b656e2d63616e617279", "hex");
const LIFE_S = 3_600;

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });

function createNode(isSigned: boolean) {
  const clock = createFakeClock();
  const session = { keyId: new Secret("ST$x"), privateKey };
  const body = Buffer.from(JSON.stringify({ token: jwtOf({ sub: "x" }), expires_in: LIFE_S }));
  const registries = {
    isAllowed: () => true,
    endpointOf: () => new URL("https://registry.test"),
  };
  const serviceAccounts = createServiceAccountCache({
    ...{ clock, registries, random: () => 0.5, audience: undefined, longestTokenLifeMs: LIFE_S * 1_000 },
    keys: { isSigned: async () => isSigned },
    exchange: { exchange: async () => ({ value: session, obtainedAtMs: 0, expiresAtMs: LIFE_S * 1_000 }) },
    sendTo: () => async () => ({ status: 200, headers: {}, body, sentAtMs: 0, serverDateMs: undefined }),
  });
  const settings = { select: "all", annotation: "a", fallback: "none" } as const;
  const tokens = { get: () => Promise.reject(new Error("the node's token")) };
  const answer = createKubeletCredentials({
    ...{ clock, registries, deadlineMs: 1_000 },
    pullTokens: createPullTokens({ clock, settings, tokens, serviceAccounts }),
    access: { ask: () => "working", heal: async () => "working" },
  });
  return { clock, serviceAccounts, answer };
}

it("createKubeletCredentials keeps no part of a pod's token once it is verified or accepted", async () => {
  const nodes = [createNode(true), createNode(false)];
  async function pull(): Promise<void> {
    const claims = nodes.map(({ clock }) => podClaims(clock.wallMs() + LIFE_S * 1_000));
    const tokens = claims.map((each) => jwtOf(each, CANARY.toString("latin1")));
    expect(await isInHeap(CANARY)).toBe(true);
    for (const [index, { answer }] of nodes.entries()) {
      const body = requestFor("iad.ocir.io/ns/app", { serviceAccountToken: tokens[index] });
      expect(await answer(body)).toMatchObject({ outcome: "miss", identity: "service-account" });
    }
  }
  await pull();
  expect(await isInHeap(CANARY)).toBe(false);
  expect(nodes.map(({ serviceAccounts }) => serviceAccounts.size)).toEqual([1, 1]);
});

/** A heap snapshot starts with a garbage collection and contains every string. */
async function isInHeap(needle: Buffer): Promise<boolean> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of getHeapSnapshot()) {
    const piece = Buffer.concat([rest, chunk as Buffer]);
    if (piece.includes(needle)) return true;
    rest = piece.subarray(-needle.length);
  }
  return false;
}
