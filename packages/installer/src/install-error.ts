/** Why a node command failed. Each code is a row in docs/operations.md. */

export const INSTALL_ERROR_CODES = [
  "archive",
  "config",
  "connect",
  "disk",
  "install",
  "killed",
  "kubelet-version",
  "lock",
  "not-root",
  "package",
  "path-untrusted",
  "plugin",
  "record",
  "restore",
  "service",
  "switched-off",
  "unfinished",
] as const;

export type InstallErrorCode = (typeof INSTALL_ERROR_CODES)[number];

export class InstallError extends Error {
  readonly code: InstallErrorCode;

  /** @param reason one line for people: what is wrong, and what to do. */
  constructor(code: InstallErrorCode, reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = "InstallError";
    this.code = code;
  }
}
