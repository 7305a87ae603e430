/** The codes of failed file operations, and of requests to any service of Oracle's. */
import { ABORTED, type ErrorRow, NEXT, permanent, transient } from "@ocir-broker/errors/error-row";

export const FILE_ERRORS = {
  "disk-full": permanent("its file system is full", "check df and df -i"),
  "file-denied": permanent("permission denied", "run the command as root"),
  "file-failed": permanent("a system call failed", "check the path"),
  "file-is-folder": permanent("it is a folder, not a file", "name a file in it"),
  "file-missing": permanent("it does not exist", "check the path"),
  "file-not-regular": permanent("it is a pipe, socket or device, not a file", "name a file"),
  "file-too-large": permanent("it is too large for such a file", "check the path"),
  "path-untrusted": permanent(
    "users other than root can change its path, so root does not use it",
    "make root the only owner and writer of it and of each folder above it",
  ),
  "read-only": permanent("its file system is read-only", "name a writable path"),
} as const satisfies Record<string, ErrorRow>;

export type FileErrorCode = keyof typeof FILE_ERRORS;

export const UPSTREAM_ERRORS = {
  aborted: ABORTED,
  "connection-broken": transient("a connection to Oracle's services broke", NEXT.changingProxy),
  /** Not retryable, unlike DNS without a response. */
  "name-not-found": permanent("the name does not exist in DNS", "check the image's registry host, then the node's DNS"),
  "name-not-resolved": transient("a name could not be resolved", NEXT.dns),
  "proxy-refused": transient("the proxy refused the connection", NEXT.proxySettings),
  "proxy-unreachable": transient("Oracle's services cannot be reached through the proxy", NEXT.proxyAddress),
  refused: transient("a connection was refused", NEXT.network),
  timeout: transient("Oracle's services did not respond in time", NEXT.network),
  tls: transient("a certificate is not trusted", NEXT.trust),
  unreachable: transient("Oracle's services cannot be reached", NEXT.network),
  "upstream-response-too-large": transient("a service's response is too large", NEXT.changingProxy),
} as const satisfies Record<string, ErrorRow>;

export type UpstreamErrorCode = keyof typeof UPSTREAM_ERRORS;
