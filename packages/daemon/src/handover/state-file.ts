/**
 * Stores bytes that outlive the process, in one file on a tmpfs. A write goes to another name and is then renamed, so that a
 * kill during a write leaves the previous file. A read does the same, so that a file that ends the process is read once.
 *
 * Does not interpret the bytes. Throws errors of node:fs.
 */
import { hash } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

/** 256 tokens of about 4 KiB, as OCIR issues them, or 31 of the size that Oracle's API allows. */
export const MAX_STATE_BYTES = 1024 * 1024;

/** linux/magic.h. */
const TMPFS_MAGIC = 0x01021994;

/** The file begins with the payload's SHA-256. */
const DIGEST_BYTES = 32;

type StateError =
  /** Not a regular file of this user, or too large. */
  | "state-foreign"
  /** Not the bytes that were written. */
  | "state-broken";

export type StateFile = ReturnType<typeof createStateFile>;

/** @throws Error `state-on-disk` if the folder is not on a tmpfs, because the bytes are secrets and must not reach a disk. */
export function createStateFile(path: string) {
  if (statfsSync(dirname(path)).type !== TMPFS_MAGIC) {
    throw Object.assign(new Error("the state's folder is not on a tmpfs"), { code: "state-on-disk" });
  }
  const next = `${path}.new`;
  const reading = `${path}.reading`;
  return {
    /** Undefined if there is no file. If `use` ends the process, the next read removes the file. */
    read<T>(use: (payload: Buffer) => T): T | { readonly error: StateError } | undefined {
      rmSync(reading, { recursive: true, force: true });
      if (!renameIfThere(path, reading)) return undefined;
      try {
        const bytes = readOwnFile(reading);
        if (!Buffer.isBuffer(bytes)) return bytes;
        const payload = bytes.subarray(DIGEST_BYTES);
        return bytes.subarray(0, DIGEST_BYTES).equals(digestOf(payload)) ? use(payload) : { error: "state-broken" };
      } finally {
        renameSync(reading, path);
      }
    },

    /** @throws RangeError if the payload exceeds `MAX_STATE_BYTES`. */
    write(payload: Buffer): void {
      if (payload.length > MAX_STATE_BYTES) throw new RangeError("the state is too large");
      // A killed process may have left one.
      rmSync(next, { recursive: true, force: true });
      try {
        writeFileSync(next, Buffer.concat([digestOf(payload), payload]), { flag: "wx", mode: 0o600 });
        renameSync(next, path);
      } catch (error) {
        rmSync(next, { force: true });
        throw error;
      }
    },

    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

function renameIfThere(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Follows no link, waits for no pipe, and reads no more than the limit. */
function readOwnFile(path: string): Buffer | { readonly error: StateError } {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ELOOP" || code === "ENXIO") return { error: "state-foreign" };
    throw error;
  }
  try {
    const status = fstatSync(fd);
    const isOurs = status.isFile() && status.uid === process.geteuid?.();
    if (!isOurs || status.size > DIGEST_BYTES + MAX_STATE_BYTES) return { error: "state-foreign" };
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function digestOf(payload: Buffer): Buffer {
  return hash("sha256", payload, "buffer");
}
