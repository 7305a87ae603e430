/** Failures of file operations in words: a stable code, what happened, and what to do next. */
import type { ErrorText } from "./error-text.ts";
import { type RefusedFileCode, RefusedFileError } from "./regular-file.ts";

export const FILE_ERRORS = {
  "disk-full": { what: "there is no room on its file system", next: "check df and df -i" },
  "file-denied": { what: "this user has no access to it", next: "run it as root" },
  "file-failed": { what: "a system call failed", next: "check the path" },
  "file-is-folder": { what: "it is a folder, not a file", next: "name a file in it" },
  "file-missing": { what: "there is no such file or folder", next: "check the path" },
  "file-not-regular": { what: "it is a pipe, socket or device, not a file", next: "name a file" },
  "file-too-large": { what: "it is larger than any file of its kind", next: "check the path" },
  "path-untrusted": {
    what: "a user other than root can change its path, so root neither reads nor runs it",
    next: "let only root own and write it and each folder above it",
  },
  "read-only": { what: "its file system is read-only", next: "name a path that can be written" },
} as const satisfies Record<string, ErrorText>;

export type FileErrorCode = keyof typeof FILE_ERRORS;

export interface FileFault extends ErrorText {
  readonly code: FileErrorCode;
}

const CODES: Readonly<Record<string, FileErrorCode>> = {
  EACCES: "file-denied",
  EISDIR: "file-is-folder",
  ENOENT: "file-missing",
  ENOSPC: "disk-full",
  ENOTDIR: "file-missing",
  EPERM: "file-denied",
  EROFS: "read-only",
};

const REFUSED: Readonly<Record<RefusedFileCode, FileErrorCode>> = {
  "not-regular": "file-not-regular",
  "path-untrusted": "path-untrusted",
  "too-large": "file-too-large",
};

/** @returns undefined for anything but a failed system call or a refused file. */
export function fileFaultOf(error: unknown): FileFault | undefined {
  if (error instanceof RefusedFileError) {
    const code = REFUSED[error.code];
    return { code, ...FILE_ERRORS[code], what: error.message };
  }
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  const errno = String(error.code);
  const code = CODES[errno] ?? "file-failed";
  const fault = { code, ...FILE_ERRORS[code] };
  return code === "file-failed" ? { ...fault, what: `${error.syscall} failed with ${errno}` } : fault;
}
