import { configSchema } from "@ocir-broker/broker";
import { Secret, systemRandom } from "@ocir-broker/foundation";
import type { ProviderName } from "@ocir-broker/identity";
import { createFakeClock } from "@ocir-broker/testkit";
import { expect, test } from "vitest";
import { createCheckContext } from "../check-context.ts";
import { type Cloud, createCloud } from "../cloud.ts";
import { createNodeFiles } from "../node/node-files.ts";
import { checkRegistry } from "./registry.ts";

test.for<[provider: ProviderName, statement: string, membership: string]>([
  ["instance-principal", "Allow dynamic-group <name> to read", "rule matches this instance"],
  ["user", "Allow group <name> to read", "the user is in the group"],
  ["session", "Allow group <name> to read", "the user is in the group"],
  ["resource-principal", "Allow dynamic-group <name> to read", "rule matches this resource"],
])("checkRegistry names the policy that the identity %s needs", async ([provider, statement, membership]) => {
  const [, access] = await checkRegistry(contextOf(provider));
  expect(access?.name).toBe("policy-missing");
  expect(access?.fix?.match(/Allow \S+ <name> to read/g)).toEqual([statement, statement]);
  expect(access?.fix).toContain(membership);
  expect(access?.fix).toContain("where target.repo.name='shop/web'");
});

/** A cloud that gives a token to this identity, and lets it read nothing. */
function contextOf(provider: ProviderName): Parameters<typeof checkRegistry>[0] {
  const clock = createFakeClock();
  const config = configSchema.parse({});
  const { signal } = new AbortController();
  const cloud: Cloud = {
    ...createCloud({ config, environment: {}, clock, random: systemRandom, signal }),
    provider,
    session: async () => ({}) as Awaited<ReturnType<Cloud["session"]>>,
    token: async () => ({ value: new Secret("t"), obtainedAtMs: 0, expiresAtMs: 3_600_000 }),
    isRegistry: async () => true,
    sendRegistry: async () => ({
      status: 403,
      headers: {},
      body: Buffer.alloc(0),
      sentAtMs: 0,
      serverDateMs: undefined,
    }),
  };
  return createCheckContext({
    ...{ config, environment: {}, clock, cloud, signal },
    image: "iad.ocir.io/acme/shop/web:1",
    serviceAccountToken: undefined,
    version: "1",
    ownerId: 0,
    files: createNodeFiles("/no/such/root"),
    network: { resolve: async () => [], connect: async () => "open" },
    runProgram: async () => ({ failure: "ENOENT" }),
  });
}
