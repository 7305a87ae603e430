/** Failures of file operations in words: a stable code, what happened, and what to do next. */
import type { ErrorRow } from "@ocir-broker/errors/error-row";
import { FILE_ERRORS, type FileErrorCode } from "./error-codes.ts";
import { RefusedFileError } from "./regular-file.ts";

const CODES: Readonly<Record<string, FileErrorCode>> = {
  EACCES: "file-denied",
  EISDIR: "file-is-folder",
  ENOENT: "file-missing",
  ENOSPC: "disk-full",
  ENOTDIR: "file-missing",
  EPERM: "file-denied",
  EROFS: "read-only",
};

/** @returns undefined for anything but a failed system call or a refused file. */
export function fileErrorOf(error: unknown): (ErrorRow & { readonly code: FileErrorCode }) | undefined {
  if (error instanceof RefusedFileError) return { code: error.code, ...FILE_ERRORS[error.code], what: error.message };
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  const errno = String(error.code);
  const code = CODES[errno] ?? "file-failed";
  const fileError = { code, ...FILE_ERRORS[code] };
  return code === "file-failed" ? { ...fileError, what: `${error.syscall} failed with ${errno}` } : fileError;
}
