/**
 * The node's files, below a root that is `/` but in tests. Reads and lists; never writes. A file that cannot be read is
 * a value, not an error: it is what doctor is for.
 */
import { accessSync, constants, lstatSync, readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";

/** A failure is an errno code, such as ENOENT. */
export type Read<Value> = { readonly value: Value } | { readonly failure: string };

export interface NodeFiles {
  /** Where a path of the node really is. */
  locate(path: string): string;
  readText(path: string): Read<string>;
  list(path: string): Read<readonly string[]>;
  /** Follows links. */
  stat(path: string): Read<Stats>;
  /** Does not. */
  lstat(path: string): Read<Stats>;
  isExecutable(path: string): boolean;
  /** It is there, and this user may not write to it: a socket that is not ours to ask. */
  isForbidden(path: string): boolean;
}

export function createNodeFiles(root: string): NodeFiles {
  const locate = (path: string): string => (root === "/" ? path : join(root, path));
  return {
    locate,
    readText: (path) => attempt(() => readFileSync(locate(path), "utf8")),
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
  };
}

/** The text, or nothing where there is none to be had. */
export function textOf(read: Read<string>): string | undefined {
  return "value" in read ? read.value : undefined;
}

function attempt<Value>(work: () => Value): Read<Value> {
  try {
    return { value: work() };
  } catch (error) {
    return { failure: (error as NodeJS.ErrnoException).code ?? "EIO" };
  }
}
