/** The broker's own codes: of its configuration, its decisions and its sockets. */
import { clientError, type ErrorRow, NEXT, permanent } from "./error-row.ts";

export const BROKER_ERRORS = {
  "annotation-unknown": clientError(
    "the service account's annotation has an unknown value",
    "set it to service-account or node",
  ),
  "config-invalid": permanent("the configuration is not valid", "run ocir-broker config check, which names the fix"),
  "config-unreadable": permanent(
    "the configuration cannot be read, or users other than root can change it",
    "run ocir-broker config check, which names the fix",
  ),
  "registry-foreign": clientError("this registry is not Oracle's, so there are no credentials for it", NEXT.extraHosts),
  "root-helper-refused": clientError(
    "root's credential helper refuses while service accounts are on, because CRI-O would also ask it for pods without rights",
    "if root's tools need it, give them a DOCKER_CONFIG of their own, set serviceAccounts.rootHelper: node, and restart ocir-broker",
  ),
  "service-account-failed": permanent(
    "the daemon could not get a token for a pod's service account",
    "run ocir-broker status",
  ),
  "service-accounts-off": clientError(
    "the kubelet sends service-account tokens, but serviceAccounts.tokenExchange is none",
    "set serviceAccounts.tokenExchange, or run ocir-broker node disconnect, delete any of our entries that stay in the kubelet's " +
      "configuration, run ocir-broker node connect (with --kubelet-flags if you used it before), and restart the kubelet",
  ),
  "socket-denied": permanent("permission denied: this user may not connect to the broker", "run the command as root"),
  "socket-in-use": permanent("another broker is already running", "stop the other one"),
  "socket-not-listening": permanent("the broker cannot listen on its socket", NEXT.journal),
} as const satisfies Record<string, ErrorRow>;

export type BrokerErrorCode = keyof typeof BROKER_ERRORS;
