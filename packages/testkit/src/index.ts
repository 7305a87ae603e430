export {
  type CredentialProviderCall,
  type CredentialProviderResult,
  callCredentialProvider,
} from "./credential-provider-call.ts";
export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { type MswServer, type ReceivedRequest, startMswServer } from "./msw-server.ts";
