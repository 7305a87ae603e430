import { expect, it } from "vitest";
import { providerOfCliAuth } from "./providers.ts";

it.each([
  ["api_key", "user"],
  ["security_token", "cli-session"],
  ["instance_principal", "instance-principal"],
  ["resource_principal", "resource-principal"],
  ["instance_obo_user", undefined],
  ["", undefined],
])("providerOfCliAuth names the provider of %j: %s", (auth, name) => {
  expect(providerOfCliAuth(auth)).toBe(name);
});
