/** The broker's own errors. */
import { NEXT, type RequestErrorText } from "./error-text.ts";

export const BROKER_ERRORS = {
  "annotation-unknown": {
    status: 400,
    what: "the service account's annotation has an unknown value",
    next: "set it to service-account or node",
  },
  "body-too-large": {
    status: 413,
    what: "the request's body is larger than 256 KiB, or 1 KiB on the health socket",
    next: NEXT.kubeletConfig,
  },
  "config-invalid": { status: 500, what: "the configuration is not valid", next: "run ocir-broker config check" },
  "config-unreadable": {
    status: 500,
    what: "the configuration cannot be read, or users other than root can change it",
    next: "run ocir-broker config check, which names the command that mends it",
  },
  "headers-too-large": {
    status: 431,
    what: "the request's headers are larger than 8 KiB",
    next: "use a client that sends fewer headers, as the shim does",
  },
  internal: { status: 500, what: "the broker has an internal error", next: NEXT.journal },
  "method-not-allowed": { status: 405, what: "this path does not support this method", next: NEXT.release },
  "not-found": { status: 404, what: "this path does not exist", next: NEXT.release },
  "registry-foreign": {
    status: 404,
    what: "this registry is not Oracle's, so there are no credentials for it",
    next: "check the image's name, or name the registry in registries.extraHosts",
  },
  "request-incomplete": { status: 408, what: "the request did not arrive in time", next: NEXT.release },
  "request-malformed": {
    status: 400,
    what: "the request is not one HTTP request whose body has a Content-Length",
    next: NEXT.release,
  },
  "root-helper-refused": {
    status: 403,
    what: "root's credential helper refuses while service accounts are on: CRI-O would ask it for pods whose own account has no rights",
    next:
      "if root's tools need it, give them a DOCKER_CONFIG of their own, then set serviceAccounts.rootHelper: node and restart " +
      "ocir-broker",
  },
  "service-account-failed": {
    status: 502,
    what: "the daemon could not get a token for a pod's service account",
    next: "run ocir-broker status",
  },
  "service-accounts-off": {
    status: 400,
    what: "the kubelet sends service-account tokens, but serviceAccounts.tokenExchange is none",
    next:
      "set serviceAccounts.tokenExchange, or run ocir-broker node disconnect, delete the kubelet's configuration if it stays " +
      "(or only our entries, if it has others), then run ocir-broker node connect (with --kubelet-flags if you used it " +
      "before), and restart the kubelet",
  },
  "socket-denied": {
    status: 500,
    what: "permission denied: this user may not connect to the broker",
    next: "run the command as root",
  },
  "socket-in-use": { status: 500, what: "another broker is already running", next: "stop the other one" },
  "socket-not-listening": { status: 500, what: "the broker cannot listen on its socket", next: NEXT.journal },
} as const satisfies Record<string, RequestErrorText>;

export type BrokerErrorCode = keyof typeof BROKER_ERRORS;
