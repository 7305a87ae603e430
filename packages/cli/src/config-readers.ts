/** Checks whether the daemon's user may read the configuration; root can read everything, so trying to read it proves nothing. */
import { lstatSync, readFileSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";

/** From systemd/ocir-broker.sysusers.conf: the daemon's user is dynamic, but this group of it is fixed. */
const DAEMON_GROUP = "ocir-broker-daemon";

const MAY_READ = 4;
const MAY_ENTER = 1;

const WRITABLE_BY_OTHERS = 0o022;

/**
 * @param groups text in the form of /etc/group
 * @returns what prevents the daemon's user from reading the file and how to change that; undefined if nothing does or the
 * file does not exist
 */
export function unreadableForDaemon(path: string, groups = readGroups()): string | undefined {
  const groupId = groupIdOf(groups);
  try {
    const isOpen = (place: string, right: number) => isAllowed(statSync(place), right, groupId);
    if (!isOpen(path, MAY_READ)) {
      return `${reasonOf(path)}; chgrp ${DAEMON_GROUP} ${path}, then chmod 0640 ${path}`;
    }
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      if (!isOpen(folder, MAY_ENTER)) return `${reasonOf(folder)}, which that user may not enter`;
      if (folder === dirname(folder)) return undefined;
    }
  } catch {
    return undefined;
  }
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

function isAllowed({ mode, gid }: Stats, right: number, groupId: number | undefined): boolean {
  // For a member of the group the kernel checks only the group's bits.
  return (gid === groupId ? (mode >> 3) & right : mode & right) !== 0;
}

/** Suggests no command for a folder, because it may be root's home. */
function reasonOf(place: string): string {
  const now = (statSync(place).mode & 0o7777).toString(8).padStart(4, "0");
  return `the daemon's user (group ${DAEMON_GROUP}) may not read it: ${place} has mode ${now}`;
}

function groupIdOf(groups: string): number | undefined {
  const id = new RegExp(`^${DAEMON_GROUP}:[^:]*:(\\d+):`, "m").exec(groups)?.[1];
  return id === undefined ? undefined : Number(id);
}

function readGroups(): string {
  return resultIfAny(() => readFileSync("/etc/group", "utf8")) ?? "";
}
