import { Secret } from "@ocir-broker/foundation/secret";
import { expect, test } from "vitest";
import { rulesFor } from "../../test/invented-tokens.ts";
import type { PullSecret } from "../objects/pull-secret.ts";
import { decide } from "./decide.ts";

const MINUTE = 60_000;
const NOW = 1_767_225_600_000;
const HOSTS = ["iad.ocir.io", "fra.ocir.io"];
const RESOURCE: PullSecret = {
  namespace: "shop",
  name: "ocir-pull",
  uid: "1",
  generation: 1,
  serviceAccountName: "pull",
  registries: HOSTS,
  formats: [],
  status: undefined,
};

/** Tokens that are renewed this many minutes from now, and half an hour after they were fetched. */
function decideFor(subject: string, minutesLeft: readonly number[]) {
  const tokens = HOSTS.map((host, index) => {
    const renewAtMs = NOW + (minutesLeft[index] ?? 0) * MINUTE;
    const fetchedAtMs = renewAtMs - 30 * MINUTE;
    return [host, { token: new Secret("t"), fetchedAtMs, renewAtMs, expiresAtMs: fetchedAtMs + 60 * MINUTE }] as const;
  });
  const content = { subject, ownerUid: "1", tokens: new Map(tokens), formats: [] };
  return decide(RESOURCE, { kind: "ours", content }, NOW, undefined, rulesFor("pull", "pull-2"));
}

test.each([
  { minutesLeft: [0, 5], registries: HOSTS },
  { minutesLeft: [0, 7], registries: ["iad.ocir.io"] },
])(
  "decide fetches a token that is due in $minutesLeft min together with one that is due now, if that is soon",
  ({ minutesLeft, registries }) => {
    expect(decideFor("pull/uid", minutesLeft)).toEqual({ kind: "fetch", registries, subject: "pull/uid" });
  },
);

test("decide replaces all tokens of an account whose name begins with the name of the resource's", () => {
  expect(decideFor("pull-2/uid", [20, 20])).toEqual({ kind: "fetch", registries: HOSTS, subject: "" });
});
