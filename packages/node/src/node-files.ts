/**
 * Read-only access to the node's files, below `/` or a test's root. An unreadable file is a value, not an exception, since
 * doctor reports it.
 */
import { accessSync, constants, lstatSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { readRegularFile } from "@ocir-broker/foundation/regular-file";
import { distrustOf } from "@ocir-broker/foundation/trusted-path";

/** A failure is an errno code, such as ENOENT, or that of a refused file: `file-not-regular`, `path-untrusted`, `file-too-large`. */
export type Read<Value> = { readonly value: Value } | { readonly failure: string };

export type NodeFiles = ReturnType<typeof createNodeFiles>;

/** @param root if not `/`, a copy that belongs to the current user, who is then trusted instead of root. */
export function createNodeFiles(root: string) {
  const ownerId = root === "/" ? 0 : (process.getuid?.() ?? 0);
  /** The real path, with the root in front. */
  const locate = (path: string): string => (root === "/" ? path : join(root, path));
  const stat = (path: string) => attempt(() => statSync(locate(path)));
  return {
    locate,
    readText: (path: string) => attempt(() => readRegularFile(locate(path)).toString()),
    readBytes: (path: string) => attempt(() => readRegularFile(locate(path))),
    readLink: (path: string) => attempt(() => readlinkSync(locate(path))),
    /** Follows the links of each part, also of a path that does not exist. */
    resolve: (path: string): string => resolveLinks(path, (part) => attempt(() => readlinkSync(locate(part)))),
    list: (path: string) => attempt(() => readdirSync(locate(path)).toSorted()),
    /** Follows links. */
    stat,
    /** Does not follow links. */
    lstat: (path: string) => attempt(() => lstatSync(locate(path))),
    /** Whether both are one file. Follows links; undefined if one of them cannot be examined. */
    isSame(path: string, other: string): boolean | undefined {
      const [one, two] = [stat(path), stat(other)];
      if ("failure" in one || "failure" in two) return undefined;
      return one.value.dev === two.value.dev && one.value.ino === two.value.ino;
    },
    isExecutable(path: string): boolean {
      const stats = stat(path);
      const access = attempt(() => accessSync(locate(path), constants.X_OK));
      return "value" in stats && stats.value.isFile() && (stats.value.mode & 0o111) !== 0 && "value" in access;
    },
    /** True if it exists but this user may not write to it, so not connect to it if it is a socket. */
    isForbidden(path: string): boolean {
      const access = attempt(() => accessSync(locate(path), constants.W_OK));
      return "failure" in access && access.failure === "EACCES";
    },
    /** In words, the part of the path that a user other than root can change; undefined if there is none. */
    distrust: (path: string) => distrustOf(path, { root, ownerId }),
  };
}

export function textOf(read: Read<string>): string | undefined {
  return "value" in read ? read.value : undefined;
}

/** The paths of a directory's entries; none if it cannot be listed. */
export function pathsIn(directory: string, files: NodeFiles): string[] {
  const names = files.list(directory);
  return "value" in names ? names.value.map((name) => join(directory, name)) : [];
}

/** The kernel's limit. */
const MAX_LINKS = 40;

function resolveLinks(path: string, readLink: (path: string) => Read<string>): string {
  const parts = path.split("/");
  let at = "/";
  let links = 0;
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    const place = resolve(at, part);
    const link = readLink(place);
    if ("failure" in link || links === MAX_LINKS) {
      at = place;
      continue;
    }
    links += 1;
    if (link.value.startsWith("/")) at = "/";
    parts.unshift(...link.value.split("/"));
  }
  return at;
}

function attempt<Value>(work: () => Value): Read<Value> {
  try {
    return { value: work() };
  } catch (error) {
    return { failure: (error as NodeJS.ErrnoException).code ?? "EIO" };
  }
}
