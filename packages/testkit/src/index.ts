export {
  type AuthServiceDouble,
  type AuthServiceDoubleOptions,
  createAuthServiceDouble,
} from "./auth-service-double.ts";
export {
  type CredentialProviderCall,
  type CredentialProviderResult,
  callCredentialProvider,
} from "./credential-provider-call.ts";
export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { createImpatientClock, type ImpatientClock } from "./impatient-clock.ts";
export {
  createIdentityAuthority,
  type IdentityAuthority,
  type InstanceIdentity,
  type LeafOptions,
} from "./instance-identity.ts";
export { createMetadataServiceDouble, type MetadataServiceDouble } from "./metadata-service-double.ts";
export { type MswServer, type ReceivedRequest, startMswServer } from "./msw-server.ts";
export { temporaryFolder } from "./temporary-folder.ts";
export { until } from "./until.ts";
