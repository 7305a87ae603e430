/**
 * Read-only access to the node's files, below `/` or a test's root. An unreadable file is a value, not an exception, since
 * doctor reports it. Another user may have put anything at a path, so only regular files are read, without blocking and up
 * to a limit.
 */
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { distrustOf } from "@ocir-broker/foundation";

/** A failure is an errno code, such as ENOENT, `not-regular` or `too-large`. */
export type Read<Value> = { readonly value: Value } | { readonly failure: string };

export interface NodeFiles {
  /** The real path, with the root in front. */
  locate(path: string): string;
  readText(path: string): Read<string>;
  readBytes(path: string): Read<Buffer>;
  /** The link's target. */
  readLink(path: string): Read<string>;
  list(path: string): Read<readonly string[]>;
  /** Follows links. */
  stat(path: string): Read<Stats>;
  /** Does not follow links. */
  lstat(path: string): Read<Stats>;
  isExecutable(path: string): boolean;
  /** True if it exists but this user may not write to it, so not connect to it if it is a socket. */
  isForbidden(path: string): boolean;
  /** In words, the part of the path that a user other than root can change; undefined if there is none. */
  distrust(path: string): string | undefined;
}

/** Larger than any file read here: arguments and environment of a process, units, configurations. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** @param root if not `/`, a copy that belongs to the current user, who is then trusted instead of root. */
export function createNodeFiles(root: string): NodeFiles {
  const ownerId = root === "/" ? 0 : (process.getuid?.() ?? 0);
  const locate = (path: string): string => (root === "/" ? path : join(root, path));
  return {
    locate,
    readText: (path) => {
      const read = readRegular(locate(path));
      return "value" in read ? { value: read.value.toString() } : read;
    },
    readBytes: (path) => readRegular(locate(path)),
    readLink: (path) => attempt(() => readlinkSync(locate(path))),
    list: (path) => attempt(() => readdirSync(locate(path)).toSorted()),
    stat: (path) => attempt(() => statSync(locate(path))),
    lstat: (path) => attempt(() => lstatSync(locate(path))),
    isExecutable: (path) => {
      const stats = attempt(() => statSync(locate(path)));
      const access = attempt(() => accessSync(locate(path), constants.X_OK));
      return "value" in stats && stats.value.isFile() && (stats.value.mode & 0o111) !== 0 && "value" in access;
    },
    isForbidden: (path) => {
      const access = attempt(() => accessSync(locate(path), constants.W_OK));
      return "failure" in access && access.failure === "EACCES";
    },
    distrust: (path) => distrustOf(path, { root, ownerId }),
  };
}

/** Undefined if the file could not be read. */
export function textOf(read: Read<string>): string | undefined {
  return "value" in read ? read.value : undefined;
}

/** The paths of a directory's entries; none if it cannot be listed. */
export function pathsIn(directory: string, files: NodeFiles): string[] {
  const names = files.list(directory);
  return "value" in names ? names.value.map((name) => join(directory, name)) : [];
}

function readRegular(path: string): Read<Buffer> {
  const opened = attempt(() => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY));
  if ("failure" in opened) return opened;
  const file = opened.value;
  const read = attempt(() => (fstatSync(file).isFile() ? readAtMost(file, MAX_FILE_BYTES + 1) : notRegular(file)));
  closeSync(file);
  if ("failure" in read) return read;
  return read.value.length > MAX_FILE_BYTES ? { failure: "too-large" } : read;
}

function notRegular(file: number): never {
  throw Object.assign(new Error(), { code: fstatSync(file).isDirectory() ? "EISDIR" : "not-regular" });
}

/** Reads to the end, since files in /proc report no size. */
function readAtMost(file: number, bytes: number): Buffer {
  const pieces: Buffer[] = [];
  for (let left = bytes; left > 0; ) {
    const piece = Buffer.alloc(Math.min(left, 64 * 1024));
    const count = readSync(file, piece);
    if (count === 0) break;
    pieces.push(piece.subarray(0, count));
    left -= count;
  }
  return Buffer.concat(pieces);
}

function attempt<Value>(work: () => Value): Read<Value> {
  try {
    return { value: work() };
  } catch (error) {
    return { failure: (error as NodeJS.ErrnoException).code ?? "EIO" };
  }
}
