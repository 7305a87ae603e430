import { generateKeyPairSync } from "node:crypto";
import { Secret } from "@ocir-broker/foundation/secret";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { jwtOf, podClaims } from "@ocir-broker/testkit/jwt";
import { expect, it } from "vitest";
import { isInHeap } from "../../test/heap.ts";
import { createServiceAccountCache } from "./service-account-cache.ts";

/** The test must not hold the text that it looks for, so it only has the bytes. */
const CANARY = Buffer.from("706f642d746f6b656e2d63616e617279", "hex");
const LIFE_S = 3_600;

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });

function createTokens(isSigned: boolean) {
  const clock = createFakeClock();
  const session = { keyId: new Secret("ST$x"), privateKey, tenancyId: "t" };
  const body = Buffer.from(JSON.stringify({ token: jwtOf({ sub: "x" }), expires_in: LIFE_S }));
  const serviceAccounts = createServiceAccountCache({
    ...{ clock, random: () => 0.5, audience: undefined, longestTokenLifeMs: LIFE_S * 1_000 },
    keys: { isSigned: async () => isSigned },
    exchange: { exchange: async () => ({ value: session, obtainedAtMs: 0, expiresAtMs: LIFE_S * 1_000 }) },
    sendTo: () => async () => ({ status: 200, headers: {}, body, sentAtMs: 0, serverDateMs: undefined }),
    registries: { isAllowed: () => true, isExpected: () => true, endpointOf: () => new URL("https://registry.test") },
  });
  return { clock, serviceAccounts };
}

it("createServiceAccountCache keeps no part of a pod's token once it is verified or accepted", async () => {
  const nodes = [createTokens(true), createTokens(false)];
  async function pull(): Promise<void> {
    const token = ({ clock }: (typeof nodes)[number]): Secret =>
      new Secret(jwtOf(podClaims(clock.wallMs() + LIFE_S * 1_000), CANARY.toString("latin1")));
    const tokens = nodes.map(token);
    expect(await isInHeap(CANARY)).toBe(true);
    for (const [index, { clock, serviceAccounts }] of nodes.entries()) {
      await serviceAccounts.get("iad.ocir.io", tokens[index] as Secret, { deadlineAtMs: clock.monotonicMs() + 1_000 });
    }
  }
  await pull();
  expect(await isInHeap(CANARY)).toBe(false);
  expect(nodes.map(({ serviceAccounts }) => serviceAccounts.size)).toEqual([1, 1]);
});
