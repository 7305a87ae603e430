/**
 * Reads the files of an identity. Limits their size, so that a wrong path does no harm. Reads a file with a secret only if other
 * users can neither read nor change it; Oracle's command line only warns.
 */
import type { Stats } from "node:fs";
import { open } from "node:fs/promises";
import { IdentityError } from "../identity-error.ts";

/** A profile with many sections, a key or a token: each has a few KiB. */
const MAX_FILE_BYTES = 256 * 1024;

/** Readable for others, or writable or executable for the group. */
const LOOSE_FOR_ROOTS_FILE = 0o037;
/** Any access but the owner's. */
const LOOSE_FOR_OWN_FILE = 0o077;

/** @throws the system's error. */
export async function readBoundedFile(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    return await readWhole(file);
  } finally {
    await file.close();
  }
}

/**
 * Accepts a file of this user without access for others, and a file that root owns and lets its group read. `LoadCredential` and an
 * administrator's `chgrp` make such files.
 *
 * @param place for errors: the setting that names the file.
 * @throws {IdentityError} `identity-file-unreadable`, `identity-file-permissions`
 */
export async function readPrivateFile(path: string, place: string): Promise<string> {
  let isLoose: boolean;
  try {
    const file = await open(path, "r");
    try {
      isLoose = isLooseFile(await file.stat());
      if (!isLoose) return await readWhole(file);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new IdentityError("identity-file-unreadable", place, { cause: error });
  }
  throw new IdentityError("identity-file-permissions", place);
}

function isLooseFile({ uid, gid, mode }: Stats): boolean {
  const ownId = process.geteuid?.() ?? 0;
  // Root chose that group. A check by root accepts what the group's members accept.
  const isRootsForGroup = uid === 0 && (ownId !== 0 || gid !== 0);
  if (isRootsForGroup) return (mode & LOOSE_FOR_ROOTS_FILE) !== 0;
  return uid !== ownId || (mode & LOOSE_FOR_OWN_FILE) !== 0;
}

async function readWhole(file: Awaited<ReturnType<typeof open>>): Promise<string> {
  const { size } = await file.stat();
  const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(size, MAX_FILE_BYTES)));
  const text = buffer.toString("utf8", 0, bytesRead);
  buffer.fill(0);
  return text;
}
