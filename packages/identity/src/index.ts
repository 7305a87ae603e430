export type { NodeSessions } from "./identity-domain/authorization.ts";
export { checkDomainSettings, createIdentityDomain } from "./identity-domain/identity-domain.ts";
export { IdentityError } from "./identity-error.ts";
export type { IdentityEvent } from "./identity-event.ts";
export { authUrlOf, metadataBaseUrlsOf } from "./instance-principal/endpoints.ts";
export { createOkeWorkload } from "./oke-workload/oke-workload.ts";
export type { IdentityProvider, SigningSession } from "./provider.ts";
export {
  createProvider,
  DEFAULT_PROVIDER,
  hasIdentity,
  type NamedProvider,
  PROVIDER_NAMES,
  type ProviderName,
  providerOfCliAuth,
} from "./providers.ts";
export { knownRealmDomains } from "./realm-domains.ts";
export type { RegionInfo } from "./region-info.ts";
export { signRequest } from "./request-signer.ts";
export { createIssuerKeys, type IssuerKeys } from "./workload/issuer-keys.ts";
export {
  parseServiceAccountToken,
  readServiceAccountClaims,
  type ServiceAccountClaims,
} from "./workload/service-account-token.ts";
export { WorkloadError } from "./workload/workload-error.ts";
export type { WorkloadExchange } from "./workload/workload-exchange.ts";
