/**
 * A credential provider's answer to the kubelet on standard output: one CredentialProviderResponse.
 *
 * Since 1.32 the kubelet refuses an answer with a field that it does not know, so exactly the five of the
 * contract are written. The answer forbids the kubelet to cache: asking again costs a millisecond, and only the broker
 * knows what is fresh.
 */
import type { RegistryCredentials } from "./auth.ts";
import { type ApiVersion, MAX_RESPONSE_BYTES } from "./contract.ts";
import { ProtocolError } from "./errors.ts";

/**
 * `auth` maps a key that the kubelet matches with the image to what it logs in with; `{}` means "pull anonymously".
 * `cacheDuration` is a Go duration; a number, or a cacheKeyType other than Image, Registry, Global would void the answer.
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
