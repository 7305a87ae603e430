/**
 * The credentials of one registry host, in the order in which the kubelet tries them.
 *
 * The kubelet pulls anonymously only without any credentials, so a token that the registry refuses would block even a public
 * image. The second key permits an anonymous pull (as in the Azure provider).
 */
import { ProtocolError } from "./protocol-error.ts";

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

const ANONYMOUS: RegistryCredentials = { username: "", password: "" };

/** OCIR accepts a bearer token as the password of this user name. */
const BEARER_TOKEN_USERNAME = "BEARER_TOKEN";

/**
 * A DNS name or IPv4 address with an optional port. Not IPv6, because the kubelet treats brackets as a character class. No `*`,
 * `?`, `[`, because the exact key must match only this host.
 */
const REGISTRY_HOST = /^[a-z0-9-]+((?:\.[a-z0-9-]+)*(?::[0-9]{1,5})?)$/i;

/** The login of a client that takes only one pair. */
export function bearerCredentials(token: string): RegistryCredentials {
  return { username: BEARER_TOKEN_USERNAME, password: token };
}

/**
 * Returns the exact host with the token, and a wildcard for its first label with an empty user name and password.
 *
 * The kubelet compares label by label (equal number, equal ports) and sorts matching keys in descending order, so the literal key,
 * whose first character is above `*`, comes first. Its comparison is case-sensitive, so pass the host in the image's spelling.
 * The kubelet's own code, 1.34 to 1.37, decodes such responses in test/system/kubelet-oracle.test.ts.
 *
 * @throws {ProtocolError} `registry-host-invalid`
 */
export function bearerAuth(registryHost: string, token: string): Record<string, RegistryCredentials> {
  return {
    [registryHost]: bearerCredentials(token),
    [`*${withoutFirstLabel(registryHost)}`]: ANONYMOUS,
  };
}

/**
 * Permits an anonymous pull, and no other. An entry that matches the image makes the kubelet (1.35 and newer) compare the pod's
 * service account with those that have pulled the image before, so a container whose image is present starts without the registry.
 *
 * @throws {ProtocolError} `registry-host-invalid`
 */
export function anonymousAuth(registryHost: string): Record<string, RegistryCredentials> {
  withoutFirstLabel(registryHost);
  return { [registryHost]: ANONYMOUS };
}

function withoutFirstLabel(registryHost: string): string {
  const rest = REGISTRY_HOST.exec(registryHost)?.[1];
  if (rest === undefined) throw new ProtocolError("registry-host-invalid");
  return rest;
}
