export { bearerAuth, bearerCredentials, type RegistryCredentials } from "./auth.ts";
export {
  CREDENTIALS_NOT_FOUND,
  type DockerCredentialRequest,
  decodeDockerCredentialRequest,
  encodeDockerCredentialResponse,
} from "./docker-credential.ts";
export { ProtocolError, type ProtocolErrorCode } from "./errors.ts";
export { type CredentialProviderRequest, decodeCredentialProviderRequest, MAX_REQUEST_BYTES } from "./request.ts";
export { encodeCredentialProviderResponse, MAX_RESPONSE_BYTES } from "./response.ts";
export { API_VERSIONS, type ApiVersion } from "./version.ts";
