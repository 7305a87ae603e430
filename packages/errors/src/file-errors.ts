/** Failures of file operations. */
import type { ErrorText } from "./error-text.ts";

export const FILE_ERRORS = {
  "disk-full": { what: "its file system is full", next: "check df and df -i" },
  "file-denied": { what: "permission denied", next: "run the command as root" },
  "file-failed": { what: "a system call failed", next: "check the path" },
  "file-is-folder": { what: "it is a folder, not a file", next: "name a file in it" },
  "file-missing": { what: "it does not exist", next: "check the path" },
  "file-not-regular": { what: "it is a pipe, socket or device, not a file", next: "name a file" },
  "file-too-large": { what: "it is too large for such a file", next: "check the path" },
  "path-untrusted": {
    what: "a user other than root can change its path, so root neither reads nor runs it",
    next: "make root the only owner and writer of it and of each folder above it",
  },
  "read-only": { what: "its file system is read-only", next: "name a writable path" },
} as const satisfies Record<string, ErrorText>;

export type FileErrorCode = keyof typeof FILE_ERRORS;
