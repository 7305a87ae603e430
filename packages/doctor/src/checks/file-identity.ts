/** Checks an identity that comes from files: everything that is wrong with it ends in one error, whose place names the setting. */
import { codeOf } from "@ocir-broker/errors/describe-error";
import { IdentityError } from "@ocir-broker/identity/identity-error";
import { attempt } from "../attempt.ts";
import type { Check } from "../check-context.ts";
import { findingOfCode } from "../diagnoses.ts";
import { finding } from "../finding.ts";

export const checkFileIdentity: Check = async ({ cloud, config }) => {
  const session = await attempt(cloud.session());
  if ("value" in session) return [finding("identity-ok", `identity.provider: ${config.identity.provider}`)];
  const { error } = session;
  const place = error instanceof IdentityError ? error.place : undefined;
  return [finding(findingOfCode(codeOf(error)) ?? "check-failed", place ?? codeOf(error))];
};
