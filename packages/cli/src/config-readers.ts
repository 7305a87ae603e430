/** Whether the daemon's user, which root's own look at a file cannot tell, may read the configuration. */
import { readFileSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";

/** Of systemd/ocir-broker.sysusers.conf: the daemon's user is dynamic, this group of it is not. */
const DAEMON_GROUP = "ocir-broker-daemon";

const MAY_READ = 4;
const MAY_ENTER = 1;

/**
 * @param groups text in the form of /etc/group
 * @returns what keeps the daemon's user from reading the file and how to change that, undefined if nothing does or the
 * file is not there
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

function isAllowed({ mode, gid }: Stats, right: number, groupId: number | undefined): boolean {
  // The kernel asks the group's bits alone of a member of the group.
  return (gid === groupId ? (mode >> 3) & right : mode & right) !== 0;
}

/** No command for a folder: it may be root's home. */
function reasonOf(place: string): string {
  const now = (statSync(place).mode & 0o7777).toString(8).padStart(4, "0");
  return `the daemon's user (group ${DAEMON_GROUP}) may not read it: ${place} has mode ${now}`;
}

function groupIdOf(groups: string): number | undefined {
  const id = new RegExp(`^${DAEMON_GROUP}:[^:]*:(\\d+):`, "m").exec(groups)?.[1];
  return id === undefined ? undefined : Number(id);
}

function readGroups(): string {
  try {
    return readFileSync("/etc/group", "utf8");
  } catch {
    return "";
  }
}
