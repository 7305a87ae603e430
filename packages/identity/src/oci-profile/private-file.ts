/**
 * Reads the files of an identity. Limits their size, so that a wrong path does no harm. Reads a file with a secret only if other
 * users can neither read nor change it; Oracle's command line only warns.
 */
import type { Stats } from "node:fs";
import { type ReadOptions, readRegularFile } from "@ocir-broker/foundation/regular-file";
import { IdentityError } from "../identity-error.ts";

/** A profile with many sections, a key or a token: each has a few KiB. */
const MAX_FILE_BYTES = 256 * 1024;

/** Readable for others, or writable or executable for the group. */
const LOOSE_FOR_ROOTS_FILE = 0o037;
/** Any access but the owner's. */
const LOOSE_FOR_OWN_FILE = 0o077;

/** @throws {RefusedFileError} or the system's error */
export function readBoundedFile(path: string, options: ReadOptions = {}): string {
  return readRegularFile(path, { maxBytes: MAX_FILE_BYTES, ...options }).toString();
}

/**
 * Reads a file that the platform mounts, or that a variable of the caller names, whoever may change its folders.
 *
 * @param place for errors: the setting or path that names it.
 * @throws {IdentityError} `identity-file-unreadable`
 */
export function readMountedFile(path: string, place: string): string {
  try {
    return readBoundedFile(path, { acceptsAnyPath: true });
  } catch (error) {
    throw new IdentityError("identity-file-unreadable", place, { cause: error });
  }
}

/**
 * Accepts a file of this user without access for others, and a file that root owns and lets its group read. `LoadCredential` and an
 * administrator's `chgrp` make such files.
 *
 * @param place for errors: the setting that names the file.
 * @throws {IdentityError} `identity-file-unreadable`, `identity-file-permissions`
 */
export function readPrivateFile(path: string, place: string): string {
  try {
    return readBoundedFile(path, {
      check(stats) {
        if (isLooseFile(stats)) throw new IdentityError("identity-file-permissions", place);
      },
    });
  } catch (error) {
    if (error instanceof IdentityError) throw error;
    throw new IdentityError("identity-file-unreadable", place, { cause: error });
  }
}

function isLooseFile({ uid, gid, mode }: Stats): boolean {
  const ownId = process.geteuid?.() ?? 0;
  // Root chose that group. A check by root accepts what the group's members accept.
  const isRootsForGroup = uid === 0 && (ownId !== 0 || gid !== 0);
  if (isRootsForGroup) return (mode & LOOSE_FOR_ROOTS_FILE) !== 0;
  return uid !== ownId || (mode & LOOSE_FOR_OWN_FILE) !== 0;
}
