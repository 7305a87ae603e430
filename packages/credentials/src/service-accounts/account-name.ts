import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { readServiceAccountClaims } from "@ocir-broker/identity/token-exchange/service-account-token";
import type { RequestedServiceAccount } from "@ocir-broker/protocol/request";

/** A namespace and a name as Kubernetes permits them. */
const ACCOUNT = /^[a-z0-9-]{1,63}\/[a-z0-9.-]{1,253}$/;

/** The namespace and the name that the token claims, such as `shop/puller`; undefined if it claims no valid ones. */
export function accountName(serviceAccount: RequestedServiceAccount | undefined): string | undefined {
  const claims = serviceAccount && resultIfAny(() => readServiceAccountClaims(serviceAccount.token));
  const account = claims && `${claims.namespace}/${claims.name}`;
  return account !== undefined && ACCOUNT.test(account) ? account : undefined;
}
