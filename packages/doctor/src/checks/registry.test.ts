import { Secret } from "@ocir-broker/foundation/secret";
import type { IdentityProviderName } from "@ocir-broker/identity/identity-providers";
import { expect, test } from "vitest";
import { contextOf } from "../../test/check-double.ts";
import { findingsOf } from "../check-context.ts";
import type { Cloud } from "../cloud.ts";
import { checkRegistry } from "./registry.ts";

/** Gives a token to this identity, and lets it read nothing. */
const CLOUD: Partial<Cloud> = {
  session: async () => ({}) as Awaited<ReturnType<Cloud["session"]>>,
  token: async () => ({ value: new Secret("t"), obtainedAtMs: 0, expiresAtMs: 3_600_000 }),
  isRegistry: async () => true,
  send: async () => ({ status: 403, headers: {}, body: Buffer.alloc(0), sentAtMs: 0, serverDateMs: undefined }),
};

test.for<[provider: IdentityProviderName, statement: string, membership: string]>([
  ["instance-principal", "Allow dynamic-group <name> to read", "rule matches this instance"],
  ["user", "Allow group <name> to read", "the user is in the group"],
  ["cli-session", "Allow group <name> to read", "the user is in the group"],
  ["resource-principal", "Allow dynamic-group <name> to read", "rule matches this resource"],
])("checkRegistry names the policy that the identity %s needs", async ([provider, statement, membership]) => {
  const context = contextOf({ cloud: { ...CLOUD, provider }, image: "iad.ocir.io/acme/shop/web:1" });
  const [, access] = await findingsOf(checkRegistry, context);
  expect(access?.name).toBe("policy-missing");
  expect(access?.fix?.match(/Allow \S+ <name> to read/g)).toEqual([statement, statement]);
  expect(access?.fix).toContain(membership);
  expect(access?.fix).toContain("where target.repo.name='shop/web'");
});
