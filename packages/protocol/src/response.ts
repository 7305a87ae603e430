/**
 * A credential provider's response to the kubelet on standard output: one CredentialProviderResponse, with the credentials of one
 * registry host in the order in which the kubelet tries them.
 *
 * Since 1.32 the kubelet refuses a response with an unknown field, so it has exactly the contract's five. It forbids the kubelet to
 * cache, because another call costs milliseconds, and only the broker can replace a token (docs/decisions/0025-why-a-daemon.md).
 */
import type { ApiVersion } from "./contract.ts";

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

const ANONYMOUS: RegistryCredentials = { username: "", password: "" };

/** OCIR accepts a bearer token as the password of this user name. */
const BEARER_TOKEN_USERNAME = "BEARER_TOKEN";

/** The login of a client that takes only one pair. */
export function bearerCredentials(token: string): RegistryCredentials {
  return { username: BEARER_TOKEN_USERNAME, password: token };
}

/**
 * Returns the exact host with the token, and a wildcard for its first label with an empty user name and password: the kubelet pulls
 * anonymously only without any other credentials, so a token that the registry refuses would block even a public image.
 *
 * The kubelet compares label by label (equal number, equal ports) and sorts matching keys in descending order, so the literal key,
 * whose first character is above `*`, comes first. Its comparison is case-sensitive, so pass the host in the image's spelling.
 * The kubelet's own code, 1.34 to 1.37, decodes such responses in test/system/kubelet-oracle.test.ts.
 *
 * @param registryHost as parseImage accepts it, but not an address in brackets, which the kubelet treats as a character class.
 */
export function bearerAuth(registryHost: string, token: string): Record<string, RegistryCredentials> {
  return {
    [registryHost]: bearerCredentials(token),
    [registryHost.replace(/^[^.:]*/, "*")]: ANONYMOUS,
  };
}

/**
 * Permits an anonymous pull, and no other. An entry that matches the image makes the kubelet (1.35 and newer) compare the pod's
 * service account with those that have pulled the image before, so a container whose image is present starts without the registry.
 *
 * @param registryHost as for `bearerAuth`.
 */
export function anonymousAuth(registryHost: string): Record<string, RegistryCredentials> {
  return { [registryHost]: ANONYMOUS };
}

/**
 * `auth` maps a key, which the kubelet matches with the image, to credentials; `{}` means "pull anonymously". `cacheDuration` is a
 * Go duration; with a number, or a cacheKeyType other than Image, Registry, Global, the kubelet refuses the response.
 */
export function encodeCredentialProviderResponse(
  apiVersion: ApiVersion,
  auth: Readonly<Record<string, RegistryCredentials>>,
): Buffer {
  const kind = "CredentialProviderResponse";
  return Buffer.from(JSON.stringify({ kind, apiVersion, cacheKeyType: "Registry", cacheDuration: "0s", auth }));
}
