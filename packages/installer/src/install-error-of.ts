/** Converts a failed system call to an error of the installation. */
import { codeOf } from "./disk.ts";
import { InstallError } from "./install-error.ts";

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
