/**
 * The one way to read a file whose name was configured or received. Reads regular files only, without blocking and up to a limit.
 * For root, the path must also be one that only root can change: another user's link must not make root read a private file.
 *
 * Reads synchronously: a regular file does not block, unless its file system hangs.
 */
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, readSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import type { FileErrorCode } from "./error-codes.ts";
import { absolutePathOf, distrustOf } from "./trusted-path.ts";

export interface ReadOptions {
  /** Default: 4 MiB. */
  readonly maxBytes?: number;
  /** Called before the content is read; throws to refuse the file. */
  readonly check?: (stats: Stats) => void;
  /**
   * A credential of systemd: the folder may belong to the service's user, because systemd mounts it read-only. The path above
   * the folder must be root's, and neither folder nor file may be a link.
   */
  readonly isSystemdCredential?: boolean;
  /** For a file that the platform mounts into a pod or job, or that the caller's own variable names: its folders may be anybody's. */
  readonly acceptsAnyPath?: boolean;
}

export class RefusedFileError extends Error {
  readonly code: FileErrorCode;

  /** @param message what was found at the path, printable. */
  constructor(code: FileErrorCode, message: string) {
    super(message);
    this.name = "RefusedFileError";
    this.code = code;
  }
}

/** Larger than any file of ours: bundles of certificates, configurations, units. */
const MAX_BYTES = 4 * 1024 * 1024;

const PIECE_BYTES = 64 * 1024;

const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** @throws {RefusedFileError} or the system's error */
export function readRegularFile(path: string, options: ReadOptions = {}): Buffer {
  const { maxBytes = MAX_BYTES, check, isSystemdCredential = false, acceptsAnyPath = false } = options;
  if (!acceptsAnyPath) refuseUntrusted(path, isSystemdCredential);
  const file = openSync(path, isSystemdCredential ? FLAGS | constants.O_NOFOLLOW : FLAGS);
  try {
    const stats = fstatSync(file);
    if (stats.isDirectory()) throw systemError("EISDIR", path);
    if (!stats.isFile()) throw new RefusedFileError("file-not-regular", "it is a pipe, socket or device, not a file");
    check?.(stats);
    const bytes = readAtMost(file, maxBytes + 1);
    if (bytes.length > maxBytes) throw new RefusedFileError("file-too-large", `it is larger than ${maxBytes} bytes`);
    return bytes;
  } finally {
    closeSync(file);
  }
}

function refuseUntrusted(path: string, isSystemdCredential: boolean): void {
  if (!isRoot()) return;
  const absolute = absolutePathOf(path);
  const options = { root: "/", ownerId: 0, acceptsStickyFolders: true };
  const distrusted = distrustOf(absolute, options);
  if (distrusted === undefined) return;
  if (isSystemdCredential && distrustOf(dirname(dirname(absolute)), options) === undefined) return;
  // A caller may accept that there is no file, whoever owns the folder.
  if (!existsSync(path)) throw systemError("ENOENT", path);
  throw new RefusedFileError("path-untrusted", distrusted);
}

function systemError(code: "EISDIR" | "ENOENT", path: string): Error {
  return Object.assign(new Error(code), { code, syscall: "open", path });
}

/** False for user id 0 of a user namespace, as in rootless podman: an ordinary user, who may read what that user may. */
function isRoot(): boolean {
  if (process.geteuid?.() !== 0) return false;
  try {
    return /^\s*0\s+0\s/.test(readFileSync("/proc/self/uid_map", "latin1"));
  } catch {
    return true;
  }
}

/** Reads to the end, since files in /proc report no size. */
function readAtMost(file: number, bytes: number): Buffer {
  const pieces: Buffer[] = [];
  for (let left = bytes; left > 0; ) {
    const piece = Buffer.alloc(Math.min(left, PIECE_BYTES));
    const count = readSync(file, piece);
    if (count === 0) break;
    pieces.push(piece.subarray(0, count));
    left -= count;
  }
  return Buffer.concat(pieces);
}
