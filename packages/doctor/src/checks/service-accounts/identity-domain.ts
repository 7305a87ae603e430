/**
 * Sends the identity domain the request of a pull with an invalid token. A domain that refuses only the token has accepted the broker's
 * client or session. Whether its trust is right shows only in a pull, whose last failure daemon.ts reports.
 */
import { Secret } from "@ocir-broker/foundation/secret";
import { createIdentityDomain } from "@ocir-broker/identity/identity-domain/identity-domain";
import { IdentityError } from "@ocir-broker/identity/identity-error";
import { TokenExchangeError } from "@ocir-broker/identity/token-exchange/token-exchange-error";
import { attempt } from "../../attempt.ts";
import { type CheckContext, causeOf } from "../../check-context.ts";
import { findingOfCode } from "../../diagnoses.ts";
import { type Finding, finding, notChecked } from "../../finding.ts";
import { notCheckedByProxy } from "../../proxy-failure.ts";

const INVALID_TOKEN = new Secret("e30.e30.e30");

export async function domainFinding({ config, environment, clock, cloud, signal }: CheckContext): Promise<Finding> {
  const { exchange } = createIdentityDomain({
    ...{ clock, environment, send: cloud.sendDomain, settings: config.identityDomain },
    nodeSessions: { live: cloud.session, newerThan: async () => undefined },
  });
  const asked = await attempt(exchange(INVALID_TOKEN, signal));
  const host = config.identityDomain.url === undefined ? "identityDomain.url" : new URL(config.identityDomain.url).host;
  if ("value" in asked) return finding("domain-unknown", `${host}: it accepted an invalid token`);
  const { error } = asked;
  const byProxy = notCheckedByProxy("the identity domain", error);
  if (byProxy !== undefined) return byProxy;
  if (error instanceof TokenExchangeError)
    return finding(error.code === "domain-token-refused" ? "domain-ok" : error.code, error.message);
  const secretFinding = error instanceof IdentityError && error.place !== undefined && findingOfCode(error.code);
  if (config.identityDomain.authorization === "client" && secretFinding)
    return finding(secretFinding, String(error.place));
  return notChecked("the identity domain", causeOf(error), "it needs the session of this node");
}
