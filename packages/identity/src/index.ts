export { IDENTITY_ERRORS, IdentityError, type IdentityErrorCode } from "./identity-error.ts";
export type { IdentityEvent } from "./identity-event.ts";
export {
  authUrlOf,
  createInstancePrincipal,
  type InstancePrincipalOptions,
} from "./instance-principal/instance-principal.ts";
export { METADATA_BASE_URLS } from "./instance-principal/metadata-service.ts";
export type { IdentityProvider, KnownIdentity, SigningSession } from "./provider.ts";
export { knownRealmDomains } from "./realm-domains.ts";
export type { RegionInfo } from "./region-info.ts";
export { signRequest } from "./request-signer.ts";
