/**
 * The credentials of one registry host, in the order in which the kubelet tries them.
 *
 * The kubelet pulls anonymously only when it got no credentials at all, so a token that the registry refuses would
 * block even a public image. The second key offers the anonymous way (the Azure provider does it the same way).
 */
import { ProtocolError } from "./errors.ts";

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

/** OCIR takes a bearer token as the password of this user name. */
const BEARER_TOKEN_USERNAME = "BEARER_TOKEN";

/**
 * A DNS name or IPv4 address with an optional port. Not IPv6: the kubelet would read the brackets of a key as a
 * character class. No `*`, `?`, `[`: the exact key must match nothing but this host.
 */
const REGISTRY_HOST = /^[a-z0-9-]+(?<rest>(?:\.[a-z0-9-]+)*(?::[0-9]{1,5})?)$/i;

/** The login of a client that takes only one pair. */
export function bearerCredentials(token: string): RegistryCredentials {
  return { username: BEARER_TOKEN_USERNAME, password: token };
}

/**
 * The exact host with the token, and a wildcard for its first label with an empty user name and password.
 *
 * The kubelet compares label by label (as many on both sides, ports equal) and sorts the keys that match backwards,
 * so the literal one, whose first character is above `*`, comes first. Its comparison knows upper and lower case:
 * give the host as the image spells it. Checked with kubelets 1.32, 1.33, 1.34 and 1.36.
 *
 * @throws {ProtocolError} `registry-host-invalid`
 */
export function bearerAuth(registryHost: string, token: string): Record<string, RegistryCredentials> {
  const rest = REGISTRY_HOST.exec(registryHost)?.groups?.["rest"];
  if (rest === undefined) throw new ProtocolError("registry-host-invalid");
  return {
    [registryHost]: bearerCredentials(token),
    [`*${rest}`]: { username: "", password: "" },
  };
}
