/** Checks that the identity gets a session: that files or metadata service, clock, network and auth service are right. */
import { attempt } from "../attempt.ts";
import type { Check } from "../check-context.ts";
import { finding, findingOfError } from "../finding.ts";

export const checkIdentity: Check = async ({ cloud, clock }) => {
  const session = await attempt(cloud.session());
  if ("error" in session) return findingOfError(session.error);
  const leftMin = Math.round((session.value.expiresAtMs - clock.monotonicMs()) / 60_000);
  return finding("session-ok", `identity.provider: ${cloud.provider}; a new session, valid for ${leftMin} min`);
};
