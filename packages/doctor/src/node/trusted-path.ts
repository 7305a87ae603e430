/**
 * Can anybody but root change what a path leads to? Decides what a program that root runs may read, execute and write to.
 * Every part of the path counts, and every part of each link on the way. Looks only; opens nothing.
 */
import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";

export interface TrustOptions {
  /** Where the node's files begin. */
  readonly root: string;
  /** The user that each part must belong to: root, but in tests. */
  readonly ownerId: number;
}

/** As many as the kernel follows. */
const MAX_LINKS = 40;

const WRITABLE_BY_OTHERS = 0o022;

/**
 * The first part of `path` that another user can change, in words; undefined if there is none. A part that does not exist
 * yet belongs to its folder's owner, so it is no reason for distrust; but nothing is known of a path that goes up from it.
 */
export function distrustOf(path: string, { root, ownerId }: TrustOptions): string | undefined {
  if (!path.startsWith("/")) return `${printable(path)} is not an absolute path`;
  if (!isPrintable(path)) return `${printable(path)} has control characters`;
  const parts = ["", ...partsOf(path)];
  let at = "/";
  let links = 0;
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    const place = part === ".." ? dirname(at) : join(at, part);
    const stats = lookAt(place, { root, ownerId });
    if (stats === undefined) {
      return parts.includes("..") ? `${printable(path)} goes up from a folder that does not exist` : undefined;
    }
    if (typeof stats === "string") return stats;
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
  return undefined;
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** Undefined only if it does not exist; one that cannot be looked at is not trusted. */
function lookAt(place: string, { root, ownerId }: TrustOptions): Stats | string | undefined {
  try {
    const stats = lstatSync(join(root, place), { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    if (stats.uid !== ownerId) return `${printable(place)} belongs to user ${stats.uid}`;
    const isOpen = !stats.isSymbolicLink() && (stats.mode & WRITABLE_BY_OTHERS) !== 0;
    return isOpen ? `${printable(place)} has mode ${(stats.mode & 0o7777).toString(8)}` : stats;
  } catch (error) {
    return `${printable(place)}: ${(error as NodeJS.ErrnoException).code}`;
  }
}

function isPrintable(text: string): boolean {
  return !/\p{Cc}/u.test(text);
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}
