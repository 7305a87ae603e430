/** Why a node command failed. Each code is a row in docs/operations.md. */

export type InstallErrorCode =
  | "archive"
  | "config"
  | "connect"
  | "disk"
  | "glibc"
  | "install"
  | "killed"
  | "kubelet-version"
  | "lock"
  | "package"
  | "path-untrusted"
  | "plugin"
  | "record"
  | "restore"
  | "service"
  | "switched-off"
  | "unfinished";

export class InstallError extends Error {
  readonly code: InstallErrorCode;

  /** @param reason one line for people: what is wrong, and what to do. */
  constructor(code: InstallErrorCode, reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = "InstallError";
    this.code = code;
  }
}
