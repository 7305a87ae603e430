import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { expect, it } from "vitest";
import { describeProvider } from "../test/provider-conformance.ts";
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

describeProvider("createNoIdentity", {
  start: () => ({
    provider: createNoIdentity(),
    clock: createFakeClock(),
    ...{ requests: () => [], events: [], secrets: () => [] },
  }),
  session: "has none",
  resume: "keeps no state",
  refusedAs: undefined,
  refused: [["every caller", "identity-none", undefined]],
  failing: [],
  waits: "for nothing",
});
