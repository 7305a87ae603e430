import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describeProvider, type Started } from "../../test/provider-conformance.ts";
import { createNoIdentity } from "../identity-providers.ts";

const start = (): Started => ({
  provider: createNoIdentity(),
  clock: createFakeClock(),
  requests: () => [],
  events: [],
  secrets: () => [],
});

describeProvider("createNoIdentity", {
  start,
  session: "has none",
  resume: "keeps no state",
  refusedAs: undefined,
  refused: [["every caller", "identity-none", undefined]],
  failing: [],
  waits: "for nothing",
});
