import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { createNoIdentity, identityProviderOfCliAuth } from "./identity-providers.ts";

it.each([
  ["api_key", "user"],
  ["security_token", "cli-session"],
  ["instance_principal", "instance-principal"],
  ["resource_principal", "resource-principal"],
  ["instance_obo_user", undefined],
  ["", undefined],
])("identityProviderOfCliAuth names the provider of %j: %s", (auth, name) => {
  expect(identityProviderOfCliAuth(auth)).toBe(name);
});

it("createNoIdentity has no session, region, state or refusal of its own, and says so without waiting", async () => {
  const provider = createNoIdentity();
  const { signal } = new AbortController();
  const ended: unknown[] = [];
  for (const failed of [provider.session(signal), provider.region(signal)]) failed.catch((error) => ended.push(error));
  await setImmediate();
  expect(ended).toMatchObject(Array(2).fill({ name: "IdentityError", code: "identity-none", retryable: false }));
  expect([provider.handover, provider.refusedAs]).toEqual([undefined, undefined]);
});
