/**
 * Workload identity federation: a token of a CI system, or of any issuer that an identity domain trusts, is exchanged for a session of
 * the service user that the trust's rule names. From outside OCI the exchange needs the id and secret of a confidential application,
 * which are worth nothing without a token of the trusted subject.
 *
 * The variables are those of Terraform's provider for OCI, so that one job configures both (8.22.0,
 * internal/provider/workload_identity_federation.go). Nothing is kept for the next process.
 */
import { Secret } from "@ocir-broker/foundation/secret";
import { createIdentityDomain } from "../identity-domain/identity-domain.ts";
import { IdentityError } from "../identity-error.ts";
import type { IdentityProvider, IdentityProviderContext } from "../identity-provider.ts";
import { regionNamed } from "../oci-profile/profile-region.ts";
import { TokenExchangeError } from "../token-exchange/token-exchange-error.ts";
import { describeSubject, readSubjectToken } from "./subject-token.ts";
import { variableIn } from "./variable.ts";

const REGION = "OCI_REGION";
const URL_OF_DOMAIN = "OCI_TOKEN_EXCHANGE_DOMAIN_URL";
const CLIENT_ID = "OCI_TOKEN_EXCHANGE_CLIENT_ID";
const CLIENT_SECRET = "OCI_TOKEN_EXCHANGE_CLIENT_SECRET";

export function createWorkloadIdentityFederation(
  _settings: object,
  context: IdentityProviderContext,
): IdentityProvider {
  const { clock, environment, sendAuth } = context;
  const variable = (name: string) => variableIn(environment, name, "identity-variable-missing");

  return {
    region: async () => regionNamed(variable(REGION), REGION),
    async session(signal) {
      const url = variable(URL_OF_DOMAIN);
      if (URL.parse(url)?.protocol !== "https:") throw new IdentityError("identity-variable-invalid", URL_OF_DOMAIN);
      const client = { clientId: variable(CLIENT_ID), clientSecret: new Secret(variable(CLIENT_SECRET)) };
      const settings = { url, authorization: "client", ...client } as const;
      const token = await readSubjectToken(context, signal);
      try {
        return await createIdentityDomain({ clock, send: sendAuth, environment, settings }).exchange(token, signal);
      } catch (error) {
        if (!(error instanceof TokenExchangeError) || error.code !== "domain-token-refused") throw error;
        throw new IdentityError("subject-token-refused", describeSubject(token), { cause: error });
      }
    },
  };
}
