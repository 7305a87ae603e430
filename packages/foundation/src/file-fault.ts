/** Failures of file operations in words: a stable code, what happened, and what to do next. */

export interface FileFault {
  readonly code: FileFaultCode;
  readonly what: string;
  readonly next: string;
}

type FileFaultCode = "disk-full" | "file-denied" | "file-failed" | "file-is-folder" | "file-missing" | "read-only";

const DENIED: FileFault = { code: "file-denied", what: "this user has no access to it", next: "run it as root" };
const MISSING: FileFault = { code: "file-missing", what: "there is no such file or folder", next: "check the path" };

const FAULTS: Readonly<Record<string, FileFault>> = {
  EACCES: DENIED,
  EISDIR: { code: "file-is-folder", what: "it is a folder, not a file", next: "name a file in it" },
  ENOENT: MISSING,
  ENOSPC: { code: "disk-full", what: "there is no room on its file system", next: "check df and df -i" },
  ENOTDIR: MISSING,
  EPERM: DENIED,
  EROFS: { code: "read-only", what: "its file system is read-only", next: "name a path that can be written" },
};

/** @returns undefined for anything but a failed system call. */
export function fileFaultOf(error: unknown): FileFault | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  const errno = String(error.code);
  return (
    FAULTS[errno] ?? { code: "file-failed", what: `${error.syscall} failed with ${errno}`, next: "check the path" }
  );
}
