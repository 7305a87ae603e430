/**
 * Every code of the plugin's own error lines, for credential-provider-oke, docker-credential-ocir and the do-nothing
 * provider. The C programs get them from packages/native/src/error-texts.h, which is generated from this file.
 */
import { DOCKER_CREDENTIAL_NAME, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES } from "./contract.ts";

export interface ShimErrorText {
  readonly what: string;
  /** The name of what the program puts after `what`: a path or a number. */
  readonly detail?: "errno_text" | "path" | "status_text";
  readonly next: string;
}

const CHECK_SERVICE = "check it with: systemctl status ocir-broker.socket ocir-broker.service";
const JOURNAL = "see why with: journalctl -u ocir-broker";
const OTHER_DAEMON = "check OCIR_BROKER_SOCKET and the version of the daemon";

export const SHIM_ERRORS = {
  "shim-request-timeout": {
    what: "stdin did not end within the time limit",
    next: "the kubelet sends one JSON request and closes stdin; by hand, pipe a file into it",
  },
  "shim-request-unreadable": { what: "stdin cannot be read", next: "pipe one JSON request into it" },
  "shim-request-too-large": {
    what: `the request on stdin is larger than ${MAX_REQUEST_BYTES / 1_024} KiB`,
    next: "look for a pod with an overlong image name",
  },
  "shim-request-empty": {
    what: "stdin was empty",
    next: "pipe in a CredentialProviderRequest, as the kubelet does, or a registry host, as docker does",
  },
  "shim-socket-missing": {
    what: "there is no socket at",
    detail: "path",
    next: "start it with: systemctl enable ocir-broker.socket && systemctl restart ocir-broker.socket ocir-broker.service",
  },
  "shim-socket-refused": {
    what: "nothing listens on",
    detail: "path",
    next: "start it with: systemctl restart ocir-broker.socket",
  },
  "shim-socket-denied": {
    what: "permission denied:",
    detail: "path",
    next: "run it as root, as the kubelet does, or check the owner and mode of the socket",
  },
  "shim-broker-missing": {
    what: "no daemon responds, and this program cannot be run:",
    detail: "path",
    next: "install ocir-broker there, or start its daemon",
  },
  "shim-socket-path-too-long": {
    what: "OCIR_BROKER_SOCKET has more than 107 bytes",
    next: "shorten it in the kubelet's credential provider config",
  },
  "shim-system-error": {
    what: "the socket cannot be used, errno",
    detail: "errno_text",
    next: "look for exhausted descriptors or memory on this node",
  },
  "shim-connection-broken": {
    what: "the broker closed each connection without a response",
    next: JOURNAL,
  },
  "shim-timeout": { what: "the broker did not respond within the time limit", next: CHECK_SERVICE },
  "shim-response-invalid": {
    what: "this is not a broker's response, from",
    detail: "path",
    next: OTHER_DAEMON,
  },
  "shim-response-too-large": {
    what: `the response is larger than 16 KiB of headers or ${MAX_RESPONSE_BYTES / 1_024} KiB of body`,
    next: OTHER_DAEMON,
  },
  "shim-response-status": {
    what: "the broker sent no message, only status",
    detail: "status_text",
    next: JOURNAL,
  },
  "shim-response-empty": {
    what: "the broker sent status 200 without a body",
    next: "check the version of the daemon",
  },
  "shim-output-failed": {
    what: "the response could not be written to stdout",
    next: "check why the caller closes stdout or does not read it",
  },
  "shim-request-invalid": {
    what: "ocir-broker is removed, and stdin contains no CredentialProviderRequest",
    next: "remove the plugin from the kubelet's CredentialProviderConfig, or reinstall ocir-broker",
  },
  "shim-nothing-stored": {
    what: "credentials are neither stored nor erased, because the broker fetches them",
    next: "no login is needed; for another account, name another helper in credHelpers",
  },
  "shim-verb-unknown": {
    what: "a docker credential helper takes exactly one verb",
    next: `use: echo REGISTRY_HOST | ${DOCKER_CREDENTIAL_NAME} get; or list, or version`,
  },
} as const satisfies Record<string, ShimErrorText>;
