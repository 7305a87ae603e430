export { createAuthServiceDouble } from "./auth-service-double.ts";
export {
  type CredentialProviderResult,
  callCredentialProvider,
  credentialProviderRequest,
} from "./credential-provider-call.ts";
export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { createImpatientClock } from "./impatient-clock.ts";
export { createIdentityAuthority, type InstanceIdentity } from "./instance-identity.ts";
export { createMetadataServiceDouble } from "./metadata-service-double.ts";
export { type MswServer, startMswServer } from "./msw-server.ts";
export { temporaryFolder } from "./temporary-folder.ts";
export { until } from "./until.ts";
