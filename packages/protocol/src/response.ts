/**
 * Encodes a credential provider's response to the kubelet on standard output: one CredentialProviderResponse.
 *
 * Since 1.32 the kubelet refuses a response with an unknown field, so it has exactly the contract's five. It forbids the kubelet to
 * cache, because another call costs milliseconds, and only the broker can replace a token (docs/decisions/0025-why-a-daemon.md).
 */
import type { RegistryCredentials } from "./auth.ts";
import { type ApiVersion, MAX_RESPONSE_BYTES } from "./contract.ts";
import { ProtocolError } from "./protocol-error.ts";

/**
 * `auth` maps a key, which the kubelet matches with the image, to credentials; `{}` means "pull anonymously". `cacheDuration` is a
 * Go duration; with a number, or a cacheKeyType other than Image, Registry, Global, the kubelet refuses the response.
 *
 * @throws {ProtocolError} `response-too-large`
 */
export function encodeCredentialProviderResponse(
  apiVersion: ApiVersion,
  auth: Readonly<Record<string, RegistryCredentials>>,
): Buffer {
  const body = Buffer.from(
    JSON.stringify({
      kind: "CredentialProviderResponse",
      apiVersion,
      cacheKeyType: "Registry",
      cacheDuration: "0s",
      auth: Object.fromEntries(
        Object.entries(auth).map(([key, { username, password }]) => [key, { username, password }]),
      ),
    }),
  );
  if (body.length > MAX_RESPONSE_BYTES) throw new ProtocolError("response-too-large");
  return body;
}
