/**
 * The catalogue of error codes: HTTP status, what happened, and what to do next.
 *
 * A package's new code does not compile until it has its row here. An error line consists of these texts: it never contains
 * text from an image, a body or an upstream.
 */

import type { CacheErrorCode } from "@ocir-broker/expiring-cache";
import type { UpstreamErrorCode } from "@ocir-broker/foundation";
import type { IdentityErrorCode } from "@ocir-broker/identity";
import type { OcirErrorCode } from "@ocir-broker/ocir";
import type { ProtocolErrorCode } from "@ocir-broker/protocol";
import type { BrokerErrorCode } from "./broker-error.ts";

export type ErrorCode =
  | BrokerErrorCode
  | IdentityErrorCode
  | OcirErrorCode
  | ProtocolErrorCode
  | CacheErrorCode
  | UpstreamErrorCode;

export interface ErrorRow {
  /** 4xx: the request is at fault. 502: an upstream's answer is unusable. 503: try again. 504: no answer in time. */
  readonly status: 400 | 404 | 405 | 408 | 413 | 431 | 500 | 502 | 503 | 504;
  readonly what: string;
  readonly next: string;
}

const LATER = "nothing to do, the broker retries";
const REPORT = "see journalctl -u ocir-broker";
const NETWORK = "check routes, security lists and the service gateway of the node's subnet";
const KUBELET = "check the kubelet's credential provider configuration";
const SHIM = "check that the shim and the broker are of the same release";
const CLOCK = "check the node's clock (chronyc tracking)";
const DNS = "check the node's DNS";
const PROXY_SETTINGS = "check the proxy's settings";
const TRUST = "add the region's CA to the system's store, or to upstream.caFile if that is set";
const PROXY = "check for a proxy that changes requests";
const IS_OCI = "check that this node is an OCI instance and may reach 169.254.169.254";

export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorRow>> = {
  // The request.
  "api-version-unsupported": { status: 400, what: "the request's apiVersion is not known", next: KUBELET },
  "body-too-large": { status: 413, what: "the request is larger than 256 KiB", next: KUBELET },
  "headers-too-large": { status: 431, what: "the request's headers are larger than 8 KiB", next: SHIM },
  "image-invalid": { status: 400, what: "the image's name is invalid", next: "check the pod's image name" },
  "method-not-allowed": { status: 405, what: "this path does not support this method", next: SHIM },
  "not-found": { status: 404, what: "this path does not exist", next: SHIM },
  "registry-foreign": {
    status: 404,
    what: "this registry is not Oracle's, so there are no credentials for it",
    next: "check the image's name, or name the registry in registries.extraHosts",
  },
  "registry-host-invalid": {
    status: 400,
    what: "the kubelet cannot use credentials for this registry host",
    next: "name the registry by its DNS name",
  },
  "request-incomplete": { status: 408, what: "the request did not arrive in time", next: SHIM },
  "request-invalid": { status: 400, what: "the request is not a CredentialProviderRequest", next: KUBELET },
  "request-malformed": { status: 400, what: "the request is not HTTP", next: SHIM },
  "request-not-json": { status: 400, what: "the request is not JSON", next: KUBELET },
  "request-too-large": { status: 413, what: "the request is larger than 256 KiB", next: KUBELET },
  "response-too-large": { status: 500, what: "the answer would be too large", next: REPORT },
  "server-url-invalid": {
    status: 400,
    what: "the server URL is not a registry host",
    next: "check credHelpers in the client's configuration",
  },

  // The broker itself.
  "config-invalid": { status: 500, what: "the configuration is not valid", next: "run ocir-broker config check" },
  "config-unreadable": {
    status: 500,
    what: "the configuration cannot be read",
    next: "check the file's path and mode",
  },
  internal: { status: 500, what: "the broker has an internal error", next: REPORT },
  "socket-denied": { status: 500, what: "this user may not connect to the broker", next: "run it as root" },
  "socket-in-use": { status: 500, what: "another broker is already running", next: "stop the other one" },
  "socket-not-listening": { status: 500, what: "the broker cannot listen on its socket", next: REPORT },
  closed: { status: 503, what: "the broker is stopping", next: "nothing to do, the kubelet retries" },
  "expired-on-arrival": { status: 502, what: "the fetched value had already expired", next: CLOCK },
  "fetch-timeout": { status: 504, what: "Oracle's services did not answer in time", next: NETWORK },
  overloaded: { status: 503, what: "too many registry hosts are requested at once", next: LATER },
  "wait-timeout": { status: 504, what: "no token was available in time", next: LATER },

  // The node's identity: metadata service and auth service.
  "certificate-expired": { status: 502, what: "the instance certificate is not valid now", next: CLOCK },
  "certificate-invalid": { status: 502, what: "the instance certificate cannot be used", next: LATER },
  "certificate-mismatch": { status: 503, what: "the instance certificate is being replaced", next: LATER },
  "clock-skew": { status: 502, what: "this node's clock is more than 5 minutes off", next: CLOCK },
  "federation-invalid": { status: 502, what: "the auth service's answer contains no session", next: PROXY },
  "federation-name-not-resolved": {
    status: 502,
    what: "the auth service's name could not be resolved",
    next: DNS,
  },
  "federation-proxy-refused": {
    status: 502,
    what: "the proxy refused to connect to the auth service",
    next: PROXY_SETTINGS,
  },
  "federation-refused": { status: 502, what: "the auth service refused this instance", next: REPORT },
  "federation-throttled": { status: 503, what: "the auth service is throttling", next: LATER },
  "federation-tls": { status: 502, what: "the auth service's certificate is not trusted", next: TRUST },
  "federation-unauthorized": { status: 502, what: "the auth service does not accept this instance", next: CLOCK },
  "federation-unavailable": { status: 503, what: "the auth service returned a server error", next: LATER },
  "federation-unreachable": { status: 504, what: "the auth service does not answer", next: NETWORK },
  "identity-not-ready": { status: 503, what: "this instance has no identity yet", next: LATER },
  "metadata-invalid": { status: 502, what: "the metadata service's answer is invalid", next: IS_OCI },
  "metadata-not-found": { status: 502, what: "the metadata service has no data of an instance", next: IS_OCI },
  "metadata-refused": { status: 502, what: "the metadata service refused to answer", next: IS_OCI },
  "metadata-throttled": { status: 503, what: "the metadata service is throttling", next: LATER },
  "metadata-unavailable": { status: 503, what: "the metadata service returned a server error", next: LATER },
  "metadata-unreachable": { status: 504, what: "the metadata service does not answer", next: IS_OCI },
  "region-unknown": { status: 502, what: "this instance's region is unknown", next: IS_OCI },
  "tenancy-changed": {
    status: 502,
    what: "this instance's tenancy has changed",
    next: "systemctl stop ocir-broker, then start it",
  },
  "sdk-failed": { status: 500, what: "the request could not be signed", next: REPORT },
  "token-key-mismatch": { status: 502, what: "the session is for another key", next: LATER },

  // The registry.
  "registry-answer-invalid": { status: 502, what: "the registry's answer is not a token", next: PROXY },
  "registry-forbidden": { status: 502, what: "the registry refused this instance", next: REPORT },
  "registry-redirected": { status: 502, what: "the registry's token endpoint points elsewhere", next: PROXY },
  "registry-refused": { status: 502, what: "the registry refused the request", next: REPORT },
  "registry-status-unexpected": { status: 502, what: "the registry answered with an unexpected status", next: PROXY },
  "registry-throttled": { status: 503, what: "the registry is throttling", next: LATER },
  "registry-unauthorized": { status: 502, what: "the registry did not accept this instance's session", next: CLOCK },
  "registry-unavailable": { status: 503, what: "the registry returned a server error", next: LATER },
  "token-anonymous": {
    status: 502,
    what: "the registry treated the request as unsigned",
    next: "check for a proxy that removes the Authorization header",
  },
  "token-expired": { status: 502, what: "the token had already expired when it arrived", next: CLOCK },

  // Any upstream, if the package that sent the request has no code of its own.
  aborted: { status: 503, what: "the broker gave up waiting", next: LATER },
  "connection-broken": { status: 502, what: "a connection to Oracle's services broke", next: LATER },
  "name-not-found": {
    status: 502,
    what: "DNS does not know this name",
    next: "check the registry host in the image's name, then the node's DNS",
  },
  "name-not-resolved": { status: 502, what: "a name could not be resolved", next: DNS },
  "proxy-refused": { status: 502, what: "the proxy refused the connection", next: PROXY_SETTINGS },
  refused: { status: 502, what: "a connection was refused", next: NETWORK },
  timeout: { status: 504, what: "Oracle's services did not answer in time", next: NETWORK },
  tls: { status: 502, what: "a certificate is not trusted", next: TRUST },
  unreachable: { status: 504, what: "Oracle's services cannot be reached", next: NETWORK },
};

/** The row of a code; an unknown code is an internal error. */
export function errorRowOf(code: string): { readonly code: ErrorCode; readonly row: ErrorRow } {
  const known = Object.hasOwn(ERROR_TABLE, code) ? (code as ErrorCode) : "internal";
  return { code: known, row: ERROR_TABLE[known] };
}
