/* Generated from packages/protocol/src/error-codes.ts by `npm run docs`. */
#pragma once

/* Each is the arguments of error_line_write: code, what happened, detail, what to do next. */
#define SHIM_REQUEST_TIMEOUT \
  "shim-request-timeout", \
  "stdin did not end within the time limit", \
  NULL, \
  "close stdin after the request"
#define SHIM_REQUEST_UNREADABLE \
  "shim-request-unreadable", \
  "stdin cannot be read", \
  NULL, \
  "pipe in a CredentialProviderRequest (kubelet) or a registry host (docker)"
#define SHIM_REQUEST_TOO_LARGE \
  "shim-request-too-large", \
  "the request on stdin is larger than 256 KiB", \
  NULL, \
  "look for a pod with an overlong image name"
#define SHIM_REQUEST_EMPTY \
  "shim-request-empty", \
  "stdin was empty", \
  NULL, \
  "pipe in a CredentialProviderRequest (kubelet) or a registry host (docker)"
#define SHIM_SOCKET_MISSING(path) \
  "shim-socket-missing", \
  "there is no socket at", \
  (path), \
  "start it with: systemctl enable ocir-broker.socket && systemctl restart ocir-broker.socket ocir-broker.service"
#define SHIM_SOCKET_REFUSED(path) \
  "shim-socket-refused", \
  "nothing listens on", \
  (path), \
  "start it with: systemctl restart ocir-broker.socket"
#define SHIM_SOCKET_DENIED(path) \
  "shim-socket-denied", \
  "permission denied:", \
  (path), \
  "run it as root, or check the socket's owner and mode"
#define SHIM_BROKER_MISSING(path) \
  "shim-broker-missing", \
  "no daemon responds, and ocir-broker cannot be run at:", \
  (path), \
  "install ocir-broker there, or start its daemon"
#define SHIM_SOCKET_PATH_TOO_LONG \
  "shim-socket-path-too-long", \
  "OCIR_BROKER_SOCKET has more than 107 bytes", \
  NULL, \
  "shorten it in the kubelet's CredentialProviderConfig"
#define SHIM_SYSTEM_ERROR(errno_text) \
  "shim-system-error", \
  "the socket cannot be used, errno", \
  (errno_text), \
  "this node may be out of descriptors or memory"
#define SHIM_CONNECTION_BROKEN \
  "shim-connection-broken", \
  "the broker closed each connection without a response", \
  NULL, \
  "see journalctl -u ocir-broker"
#define SHIM_TIMEOUT \
  "shim-timeout", \
  "the broker did not respond within the time limit", \
  NULL, \
  "check it with: systemctl status ocir-broker.socket ocir-broker.service"
#define SHIM_RESPONSE_INVALID(path) \
  "shim-response-invalid", \
  "what responds is not ocir-broker:", \
  (path), \
  "check OCIR_BROKER_SOCKET and the version of the daemon"
#define SHIM_RESPONSE_TOO_LARGE \
  "shim-response-too-large", \
  "the response is larger than 16 KiB of headers or 64 KiB of body", \
  NULL, \
  "check OCIR_BROKER_SOCKET and the version of the daemon"
#define SHIM_RESPONSE_STATUS(status_text) \
  "shim-response-status", \
  "the broker sent no message, only status", \
  (status_text), \
  "see journalctl -u ocir-broker"
#define SHIM_RESPONSE_EMPTY \
  "shim-response-empty", \
  "the broker sent status 200 without a body", \
  NULL, \
  "check OCIR_BROKER_SOCKET and the version of the daemon"
#define SHIM_OUTPUT_FAILED \
  "shim-output-failed", \
  "the response could not be written to stdout", \
  NULL, \
  "check why the caller does not read it"
#define SHIM_REQUEST_INVALID \
  "shim-request-invalid", \
  "ocir-broker is removed or switched off, and stdin contains no CredentialProviderRequest", \
  NULL, \
  "remove the plugin from the kubelet's CredentialProviderConfig, or reinstall ocir-broker"
#define SHIM_NOTHING_STORED \
  "shim-nothing-stored", \
  "the broker fetches credentials, so none are stored or erased", \
  NULL, \
  "no login is needed; for another account, name another helper in credHelpers"
#define SHIM_VERB_UNKNOWN \
  "shim-verb-unknown", \
  "a docker credential helper takes exactly one verb", \
  NULL, \
  "use: echo REGISTRY_HOST | docker-credential-ocir get; or list, or version"
