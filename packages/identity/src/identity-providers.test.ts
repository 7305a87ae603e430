import { expect, it } from "vitest";
import { identityProviderOfCliAuth } from "./identity-providers.ts";

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
