/** Failures of file operations. */
import type { ErrorText } from "./error-text.ts";

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
