import { IdentityError } from "@ocir-broker/identity/identity-error";
import { expect, it } from "vitest";
import type { CheckContext } from "../check-context.ts";
import { checkFileIdentity } from "./identity.ts";

const config = { identity: { provider: "user" } } as CheckContext["config"];

async function check(session: () => Promise<unknown>) {
  const cloud = { session } as Partial<CheckContext["cloud"]>;
  return checkFileIdentity({ cloud, config } as CheckContext);
}

it("checkFileIdentity names the provider whose files give a session", async () => {
  const evidence = "identity.provider: user";
  expect(await check(async () => ({}))).toMatchObject({ name: "identity-ok", evidence });
});

it.each([
  ["the setting that is wrong", "cli-session-expired", "user.keyFile"],
  ["the code of an error that does not concern a file", "federation-throttled", "federation-throttled"],
] as const)("checkFileIdentity names %s", async (_what, name, evidence) => {
  const error = new IdentityError(name, "user.keyFile");
  expect(await check(() => Promise.reject(error))).toMatchObject({ name, evidence });
});

it("checkFileIdentity reports an error without a code as a check that failed", async () => {
  expect(await check(() => Promise.reject(new Error("surprise")))).toMatchObject({
    name: "check-failed",
    evidence: "unknown",
  });
});
