/**
 * Checks whether this machine can boot a systemd in namespaces, and names the first missing prerequisite, so that a skipped test
 * shows the reason. Creates and starts nothing.
 */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";

const PROGRAMS = ["unshare", "nsenter", "setpriv", "mount", "umount", "pivot_root", "install"] as const;
const PROGRAM_FOLDERS = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"] as const;

/** The reason why `bootSystemd` cannot work; undefined if it can. */
export function canBootSystemd(): string | undefined {
  if (process.platform !== "linux") return "needs Linux namespaces";
  if (process.getuid?.() !== 0) return "needs root (mounts and namespaces)";
  if (!existsSync("/lib/systemd/systemd")) return "needs systemd (Debian package systemd)";
  if (!existsSync("/usr/bin/dbus-daemon")) return "needs a message bus (Debian package dbus)";
  const missing = PROGRAMS.find((program) => !PROGRAM_FOLDERS.some((folder) => isExecutable(`${folder}/${program}`)));
  if (missing !== undefined) return `needs ${missing} (Debian packages util-linux, coreutils)`;
  if (cgroup2Folder() === undefined) return "needs a mounted cgroup2 tree";
  if (!/\soverlay$/m.test(readFileSync("/proc/filesystems", "utf8"))) return "needs overlayfs";
  return undefined;
}

/** The mount point of the unified control groups; hybrid hosts have them in addition to the old ones. */
export function cgroup2Folder(): string | undefined {
  for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n")) {
    const [, folder, type] = line.split(" ");
    if (type === "cgroup2") return folder;
  }
  return undefined;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
