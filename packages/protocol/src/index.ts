export { bearerAuth, bearerCredentials } from "./auth.ts";
export * from "./contract.ts";
export {
  CREDENTIALS_NOT_FOUND,
  decodeDockerCredentialRequest,
  encodeDockerCredentialResponse,
} from "./docker-credential.ts";
export type {
  ConfigDetails,
  ConfigInForce,
  FetchDetails,
  HealthDetails,
  HealthStatus,
  HealthSummary,
  LifeSummary,
} from "./health.ts";
export { ProtocolError } from "./protocol-error.ts";
export {
  type CredentialProviderRequest,
  decodeCredentialProviderRequest,
  type RequestedServiceAccount,
} from "./request.ts";
export { encodeCredentialProviderResponse } from "./response.ts";
export { SHIM_ERRORS, type ShimErrorCode, type ShimErrorText } from "./shim-errors.ts";
