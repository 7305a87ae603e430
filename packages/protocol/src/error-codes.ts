/** The codes of a request that cannot be decoded, and of the plugin itself. */
import { clientError, type ErrorRow, NEXT, permanent } from "@ocir-broker/errors/error-row";
import { DOCKER_CREDENTIAL_NAME, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES } from "./contract.ts";

export const PROTOCOL_ERRORS = {
  "api-version-unsupported": clientError("the request's apiVersion is not supported", NEXT.kubeletConfig),
  "request-invalid": clientError("the request is not a CredentialProviderRequest", NEXT.kubeletConfig),
  "request-not-json": clientError("the request is not JSON", NEXT.kubeletConfig),
  "request-too-large": clientError("the request is larger than 256 KiB", NEXT.kubeletConfig),
  "service-account-token-invalid": clientError(
    "the service-account token is not a JSON Web Token of at most 16 KiB",
    NEXT.kubeletConfig,
  ),
  "server-url-invalid": clientError(
    "the server URL is not a registry host",
    "check credHelpers in the client's configuration",
  ),
} as const satisfies Record<string, ErrorRow>;

export type ProtocolErrorCode = keyof typeof PROTOCOL_ERRORS;

export interface ShimErrorRow extends ErrorRow {
  /** The name of what the program puts after `what`: a path or a number. */
  readonly detail?: "errno_text" | "path" | "status_text";
}

const CHECK_SERVICE = "check it with: systemctl status ocir-broker.socket ocir-broker.service";
const REQUEST = "pipe in a CredentialProviderRequest (kubelet) or a registry host (docker)";
const OTHER_DAEMON = "check OCIR_BROKER_SOCKET and the version of the daemon";

/**
 * For credential-provider-oke and docker-credential-ocir. The C programs get them from packages/native/src/error-texts.h,
 * which is generated from this file.
 */
export const SHIM_ERRORS = {
  "shim-request-timeout": permanent("stdin did not end within the time limit", "close stdin after the request"),
  "shim-request-unreadable": permanent("stdin cannot be read", REQUEST),
  "shim-request-too-large": permanent(
    `the request on stdin is larger than ${MAX_REQUEST_BYTES / 1_024} KiB`,
    "look for a pod with an overlong image name",
  ),
  "shim-request-empty": permanent("stdin was empty", REQUEST),
  "shim-socket-missing": {
    ...permanent(
      "there is no socket at",
      "start it with: systemctl enable ocir-broker.socket && systemctl restart ocir-broker.socket ocir-broker.service",
    ),
    detail: "path",
  },
  "shim-socket-refused": {
    ...permanent("nothing listens on", "start it with: systemctl restart ocir-broker.socket"),
    detail: "path",
  },
  "shim-socket-denied": {
    ...permanent("permission denied:", "run it as root, or check the socket's owner and mode"),
    detail: "path",
  },
  "shim-broker-missing": {
    ...permanent(
      "no daemon responds, and ocir-broker cannot be run at:",
      "install ocir-broker there, or start its daemon",
    ),
    detail: "path",
  },
  "shim-socket-path-too-long": permanent(
    "OCIR_BROKER_SOCKET has more than 107 bytes",
    "shorten it in the kubelet's CredentialProviderConfig",
  ),
  "shim-system-error": {
    ...permanent("the socket cannot be used, errno", "this node may be out of descriptors or memory"),
    detail: "errno_text",
  },
  "shim-connection-broken": permanent("the broker closed each connection without a response", NEXT.journal),
  "shim-timeout": permanent("the broker did not respond within the time limit", CHECK_SERVICE),
  "shim-response-invalid": { ...permanent("what responds is not ocir-broker:", OTHER_DAEMON), detail: "path" },
  "shim-response-too-large": permanent(
    `the response is larger than 16 KiB of headers or ${MAX_RESPONSE_BYTES / 1_024} KiB of body`,
    OTHER_DAEMON,
  ),
  "shim-response-status": {
    ...permanent("the broker sent no message, only status", NEXT.journal),
    detail: "status_text",
  },
  "shim-response-empty": permanent("the broker sent status 200 without a body", OTHER_DAEMON),
  "shim-output-failed": permanent(
    "the response could not be written to stdout",
    "check why the caller does not read it",
  ),
  "shim-request-invalid": permanent(
    "ocir-broker is removed or switched off, and stdin contains no CredentialProviderRequest",
    "remove the plugin from the kubelet's CredentialProviderConfig, or reinstall ocir-broker",
  ),
  "shim-nothing-stored": permanent(
    "the broker fetches credentials, so none are stored or erased",
    "no login is needed; for another account, name another helper in credHelpers",
  ),
  "shim-verb-unknown": permanent(
    "a docker credential helper takes exactly one verb",
    `use: echo REGISTRY_HOST | ${DOCKER_CREDENTIAL_NAME} get; or list, or version`,
  ),
} as const satisfies Record<string, ShimErrorRow>;
