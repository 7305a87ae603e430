/** Errors of a request to any service of Oracle's. */
import { ABORTED, type FetchErrorText, NEXT, permanent, transient } from "./error-text.ts";

export const UPSTREAM_ERRORS = {
  aborted: ABORTED,
  "connection-broken": transient("a connection to Oracle's services broke", NEXT.changingProxy),
  /** Not retryable, unlike DNS without a response. */
  "name-not-found": permanent(
    "the name does not exist in DNS",
    "check the registry host in the image's name, then the node's DNS",
  ),
  "name-not-resolved": transient("a name could not be resolved", NEXT.dns),
  "proxy-refused": transient("the proxy refused the connection", NEXT.proxySettings),
  "proxy-unreachable": transient("Oracle's services cannot be reached through the proxy", NEXT.proxyAddress, 504),
  refused: transient("a connection was refused", NEXT.network),
  timeout: transient("Oracle's services did not respond in time", NEXT.network, 504),
  tls: transient("a certificate is not trusted", NEXT.trust),
  unreachable: transient("Oracle's services cannot be reached", NEXT.network, 504),
  "upstream-response-too-large": transient("a service's response is too large", NEXT.changingProxy),
} as const satisfies Record<string, FetchErrorText>;

export type UpstreamErrorCode = keyof typeof UPSTREAM_ERRORS;
