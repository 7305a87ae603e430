/** Why a node command failed. Each code is a row in docs/operations.md. */
import { codeOf } from "@ocir-broker/errors/describe-error";
import { oneLine } from "@ocir-broker/foundation/printable";

export const INSTALL_ERROR_CODES = [
  "archive",
  "config",
  "connect",
  "disk",
  "install",
  "killed",
  "kubelet-flags",
  "kubelet-restart",
  "kubelet-unseen",
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
  override readonly name = "InstallError";
  readonly code: InstallErrorCode;

  /** @param reason what is wrong and what to do, for people. Line breaks are removed. */
  constructor(code: InstallErrorCode, reason: string, options?: ErrorOptions) {
    super(oneLine(reason), options);
    this.code = code;
  }
}

/** An errno as one of our codes. */
export function installErrorOf(error: unknown): InstallError {
  if (error instanceof InstallError) return error;
  const code = codeOf(error);
  const { path = "" } = error as NodeJS.ErrnoException;
  const reason = error instanceof Error ? error.message : String(error);
  if (code === "ENOSPC" || code === "EROFS" || code === "EDQUOT")
    return new InstallError("disk", `nothing can be written: ${reason}`, { cause: error });
  const advice = ["EBUSY", "EPERM", "EXDEV"].includes(code) ? " Is it a mount point, or immutable?" : "";
  return new InstallError("install", `${path === "" ? "" : `${path}: `}${reason}.${advice}`, { cause: error });
}
