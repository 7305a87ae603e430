/**
 * Decides whether the daemon can read a configuration file, whether others can change it, and whether they can read it. Goes by
 * owners and modes instead of trying, so that root, the daemon and an ordinary user see the same.
 */
import { lstatSync, readFileSync, readlinkSync, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { distrustOf } from "@ocir-broker/foundation/trusted-path";

export interface FileProblem {
  readonly what: string;
  /** What mends it, a command if there is one. */
  readonly fix: string;
}

export interface AccessOptions {
  /** Text in the form of /etc/group. */
  readonly groups?: string;
  /** Who must own the file: root, except in tests. */
  readonly ownerId?: number;
  /** Folders that the daemon's unit hides. */
  readonly hiddenFolders?: readonly string[];
}

/** From systemd/ocir-broker.sysusers.conf: the daemon's user is dynamic, but this group of it is fixed. */
const DAEMON_GROUP = "ocir-broker-daemon";

/** ProtectHome= and InaccessiblePaths= of ocir-broker.service. */
const HIDDEN_FOLDERS = ["/dev/shm", "/home", "/root", "/run/user", "/tmp", "/var/tmp"];

const MAY_READ = 4;
const MAY_ENTER = 1;

const WRITABLE_BY_OTHERS = 0o022;
const WRITABLE_BY_ALL = 0o002;

/** The kernel's limit. */
const MAX_LINKS = 40;

/** Why the daemon does not use the node's file; undefined if it does, perhaps from the unit's copy. */
export function whyUnusable(path: string, options: AccessOptions = {}): FileProblem | undefined {
  const unreadable = isCopiedForDaemon(path, options.ownerId) ? undefined : unreadableForDaemon(path, options);
  // What is in a folder that it may not enter, the daemon cannot see.
  if (unreadable?.isFolder) return unreadable;
  return changeableByOthers(path, options) ?? unreadable;
}

/** What prevents the daemon's user from reading the file; undefined if nothing does or the file does not exist. */
export function unreadableForDaemon(
  path: string,
  { groups, hiddenFolders = HIDDEN_FOLDERS }: AccessOptions = {},
): (FileProblem & { readonly isFolder: boolean }) | undefined {
  try {
    const groupId = groupIdOf(groups ?? readFileSync("/etc/group", "utf8"));
    for (const { place, stats } of partsOf(path)) {
      if (stats.isDirectory()) {
        if (hiddenFolders.includes(place) || !isAllowed(stats, MAY_ENTER, groupId)) return closedFolder(place, path);
      } else if (!isAllowed(stats, MAY_READ, groupId)) {
        const what = `the daemon's user may not read the configuration (its mode is ${modeOf(stats)})`;
        const fix = fileInsteadOfLink(path) ?? `chgrp ${DAEMON_GROUP} ${path}; chmod 0640 ${path}`;
        return { what, fix, isFolder: false };
      }
    }
    return undefined;
  } catch {
    return undefined;
  }
}

/** Why another user than root can change the file; undefined if none can. */
export function changeableByOthers(path: string, { ownerId = 0 }: AccessOptions = {}): FileProblem | undefined {
  const distrusted = distrustOf(path, { root: "/", ownerId, acceptsStickyFolders: true });
  if (distrusted === undefined) return undefined;
  const both = `${dirname(path)} ${path}`;
  return notUsed(distrusted, fileInsteadOfLink(path) ?? `chown root ${both}; chmod go-w ${both}`);
}

/** For a person's own file, in whose folders a group may write: whether every user can change it. */
export function changeableByAll(path: string): FileProblem | undefined {
  const stats = statSync(path);
  if ((stats.mode & WRITABLE_BY_ALL) === 0) return undefined;
  return notUsed(`its mode is ${modeOf(stats)}`, `chmod o-w ${path}`);
}

/** Whether every user can read the file. */
export function isReadableByAll(path: string): boolean {
  const isPassable = ({ stats }: Part) => (stats.mode & (stats.isDirectory() ? MAY_ENTER : MAY_READ)) !== 0;
  return resultIfAny(() => [...partsOf(path)].every(isPassable)) ?? false;
}

/** Whether the unit's `--copy-config` copies the file for the daemon; the conditions of packages/native/src/config-copy.c. */
export function isCopiedForDaemon(path: string, ownerId = 0): boolean {
  try {
    const [file, folder] = [lstatSync(path), lstatSync(dirname(path))];
    const isOwn = ({ uid, mode }: Stats) => uid === ownerId && (mode & WRITABLE_BY_OTHERS) === 0;
    return file.isFile() && folder.isDirectory() && isOwn(file) && isOwn(folder);
  } catch {
    return false;
  }
}

const MOVE = "put the file into a folder that every user may enter and only root may change";

function notUsed(why: string, fix: string): FileProblem {
  return { what: `other users can change the configuration (${why}), so the configuration is not used`, fix };
}

function closedFolder(folder: string, path: string) {
  const what = `the daemon's user may not enter ${folder}, so the daemon cannot read the configuration`;
  return { what, fix: fileInsteadOfLink(path) ?? MOVE, isFolder: true };
}

/** The copy of the unit makes a file that only root can read usable. */
function fileInsteadOfLink(path: string): string | undefined {
  const target = resultIfAny(() => readlinkSync(path));
  return target === undefined ? undefined : `install -m 0600 ${resolve(dirname(path), target)} ${path}`;
}

interface Part {
  readonly place: string;
  readonly stats: Stats;
}

/** Each folder on the way, and at last the file, with all links followed. Looks into no folder before it has returned it. */
function* partsOf(path: string, links = MAX_LINKS): Generator<Part> {
  for (const place of [...foldersAbove(path), path]) {
    const stats = lstatSync(place);
    if (!stats.isSymbolicLink()) yield { place, stats };
    else if (links > 0) yield* partsOf(resolve(dirname(place), readlinkSync(place)), links - 1);
  }
}

/** The outermost first. */
function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === dirname(folder) ? [folder] : [...foldersAbove(folder), folder];
}

function isAllowed({ mode, gid }: Stats, right: number, groupId: number | undefined): boolean {
  // For a member of the group the kernel checks only the group's bits.
  return (gid === groupId ? (mode >> 3) & right : mode & right) !== 0;
}

function modeOf({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

function groupIdOf(groups: string): number | undefined {
  const id = new RegExp(`^${DAEMON_GROUP}:[^:]*:(\\d+):`, "m").exec(groups)?.[1];
  return id === undefined ? undefined : Number(id);
}
