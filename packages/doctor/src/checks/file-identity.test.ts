import type { IdentityErrorCode } from "@ocir-broker/identity/error-codes";
import { IdentityError } from "@ocir-broker/identity/identity-error";
import { expect, it } from "vitest";
import type { CheckContext } from "../check-context.ts";
import { checkFileIdentity } from "./identity.ts";

const config = { identity: { provider: "user" } } as CheckContext["config"];

const failing = (error: Error) => () => Promise.reject(error);
const ofKeyFile = (code: IdentityErrorCode) => failing(new IdentityError(code, "user.keyFile"));

it.each<[what: string, session: () => Promise<unknown>, name: string, evidence: string]>([
  ["the provider whose files give a session", async () => ({}), "identity-ok", "identity.provider: user"],
  ["the setting that is wrong", ofKeyFile("cli-session-expired"), "cli-session-expired", "user.keyFile"],
  [
    "an error of no file by its code",
    ofKeyFile("federation-throttled"),
    "federation-throttled",
    "federation-throttled",
  ],
  ["an error without a code as a failed check", failing(new Error("surprise")), "check-failed", "unknown"],
])("checkFileIdentity names %s", async (_what, session, name, evidence) => {
  const cloud = { session } as Partial<CheckContext["cloud"]>;
  expect(await checkFileIdentity({ cloud, config } as CheckContext)).toMatchObject({ name, evidence });
});
