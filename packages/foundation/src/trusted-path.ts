/**
 * Decides whether a program that root runs may read, execute or write a path: only if nobody but root can change any part of
 * it, or any part of a link on the way. Opens nothing.
 */
import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { printable } from "./printable.ts";

export interface TrustOptions {
  /** `/`, or a test's folder. */
  readonly root: string;
  /** The user who must own each part: root, except in tests. */
  readonly ownerId: number;
  /**
   * Accepts a sticky folder such as /tmp on the way to a folder that its owner has made there: others can neither replace nor
   * create that. A file or link there is refused, because others can make a hard link to one of the owner's files.
   */
  readonly acceptsStickyFolders?: boolean;
}

/** The kernel's limit. */
const MAX_LINKS = 40;

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * In words, the first part of `path` that another user can change; undefined if there is none. Only the folder's owner can
 * create a missing part, so it is trusted; a path that continues with `..` from there is not.
 */
export function distrustOf(path: string, options: TrustOptions): string | undefined {
  const { root, acceptsStickyFolders = false } = options;
  if (!path.startsWith("/")) return `${printable(path)} is not an absolute path`;
  if (/\p{Cc}/u.test(path)) return `${printable(path)} has control characters`;
  const parts = ["", ...partsOf(path)];
  let at = "/";
  let links = 0;
  /** Against the folder `at`, unless the next part is a folder. */
  let pending: string | undefined;
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    const place = part === ".." ? dirname(at) : join(at, part);
    const stats = lookAt(place, options);
    if (stats === undefined) {
      return parts.includes("..") ? `${printable(path)} goes up from a folder that does not exist` : pending;
    }
    if (typeof stats === "string") return stats;
    if (pending !== undefined && !stats.isDirectory()) return pending;
    pending = openness(place, stats);
    if (pending !== undefined && !(acceptsStickyFolders && (stats.mode & STICKY) !== 0)) return pending;
    if (!stats.isSymbolicLink()) {
      at = place;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return `${printable(path)} has more than ${MAX_LINKS} links`;
    const target = readlinkSync(join(root, place));
    if (target.startsWith("/")) at = "/";
    parts.unshift(...partsOf(target));
  }
  return pending;
}

/** Not resolve(): it removes `..` before the links of the path are followed, and the kernel does not. */
export function absolutePathOf(path: string): string {
  return isAbsolute(path) ? path : `${process.cwd()}/${path}`;
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** Undefined only if it does not exist; a part that cannot be examined is not trusted. */
function lookAt(place: string, { root, ownerId }: TrustOptions): Stats | string | undefined {
  try {
    const stats = lstatSync(join(root, place), { throwIfNoEntry: false });
    return stats !== undefined && stats.uid !== ownerId ? `${printable(place)} belongs to user ${stats.uid}` : stats;
  } catch (error) {
    return `${printable(place)}: ${(error as NodeJS.ErrnoException).code}`;
  }
}

function openness(place: string, stats: Stats): string | undefined {
  const isOpen = !stats.isSymbolicLink() && (stats.mode & WRITABLE_BY_OTHERS) !== 0;
  return isOpen ? `${printable(place)} has mode ${(stats.mode & 0o7777).toString(8)}` : undefined;
}
