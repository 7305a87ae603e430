/**
 * Read-only access to the node's files, below `/` or a test's root. An unreadable file is a value, not an exception, since
 * doctor reports it.
 */
import { accessSync, constants, lstatSync, readdirSync, readlinkSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { distrustOf, readRegularFile } from "@ocir-broker/foundation";

/** A failure is an errno code, such as ENOENT, or that of a refused file: `not-regular`, `path-untrusted`, `too-large`. */
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

/** @param root if not `/`, a copy that belongs to the current user, who is then trusted instead of root. */
export function createNodeFiles(root: string): NodeFiles {
  const ownerId = root === "/" ? 0 : (process.getuid?.() ?? 0);
  const locate = (path: string): string => (root === "/" ? path : join(root, path));
  return {
    locate,
    readText: (path) => attempt(() => readRegularFile(locate(path)).toString()),
    readBytes: (path) => attempt(() => readRegularFile(locate(path))),
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

function attempt<Value>(work: () => Value): Read<Value> {
  try {
    return { value: work() };
  } catch (error) {
    return { failure: (error as NodeJS.ErrnoException).code ?? "EIO" };
  }
}
