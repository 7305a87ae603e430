/**
 * Control groups for the pods of a node. With version 2, they are those of the node's systemd and end with it. Those of version 1 do not
 * end with their namespaces, so they are below one group in each controller's tree, whose name contains the id of the test's process.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroup2Folder } from "../system/systemd-root/can-boot-systemd.ts";
import { endCgroup } from "../system/systemd-root/end-cgroup.ts";

const PREFIX = "ocir-cluster-";
/** The controllers that a kubelet and runc need, of each version. */
const CONTROLLERS = ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"] as const;
const CONTROLLERS_2 = ["cpu", "cpuset", "io", "memory", "pids"] as const;

export const CONTROL_GROUP = `${PREFIX}${process.pid}`;

/** The one that has all controllers; undefined if neither has. Beside version 1, a tree of version 2 has few or none. */
export function controlGroupVersion(): 1 | 2 | undefined {
  if (controlGroupMounts().size > 0) return 1;
  const controllers = join(cgroup2Folder() ?? "", "cgroup.controllers");
  if (!existsSync(controllers)) return undefined;
  const found = readFileSync(controllers, "utf8").trim().split(" ");
  return CONTROLLERS_2.every((controller) => found.includes(controller)) ? 2 : undefined;
}

/** Call it before the node boots, whose systemd gets its controllers of version 2 at its start. */
export function prepareControlGroups(): void {
  removeControlGroups();
  if (controlGroupVersion() !== 2) return;
  const enabled = CONTROLLERS_2.map((controller) => `+${controller}`).join(" ");
  writeFileSync(join(cgroup2Folder() ?? "", "cgroup.subtree_control"), enabled);
}

/**
 * For version 1: mounts the node's part of the trees inside the node, in a separate folder, because the node's systemd uses version 2. Not the whole
 * trees, because a starting kubelet waits 3 s for each container that its CRI-O does not know.
 */
export const MAKE_CONTROL_GROUPS = `
mkdir "$1" && mount -t tmpfs none "$1" && mkdir "$1.whole" || exit
for controller in ${CONTROLLERS.join(" ")}; do
  group="$1.whole/${CONTROL_GROUP}"
  mount -t cgroup -o $controller none "$1.whole" && mkdir "$group" "$1/$controller" || exit
  # A new group has no processors, and then nothing can be in it.
  [ $controller != cpuset ] || for file in cpuset.cpus cpuset.mems; do cat "$1.whole/$file" >"$group/$file" || exit; done
  mount --bind "$group" "$1/$controller" && umount "$1.whole" || exit
done
`;

/** The controllers' folders of version 1 for this process; empty if one is missing. */
export function controlGroupMounts(): Map<string, string> {
  const own = new Map<string, string>();
  for (const line of readFileSync("/proc/self/cgroup", "utf8").split("\n")) {
    const [, controllers = "", path = ""] = line.split(":");
    for (const controller of controllers.split(",")) own.set(controller, path);
  }
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "));
  const found = new Map<string, string>();
  for (const controller of CONTROLLERS) {
    const mount = mounts.find(([, , type, options]) => type === "cgroup" && options?.split(",").includes(controller));
    if (mount?.[1] !== undefined) found.set(controller, join(mount[1], own.get(controller) ?? ""));
  }
  return found.size === CONTROLLERS.length ? found : new Map();
}

/** Removes this test's groups, once its node is gone, and those of tests that were killed. */
export function removeControlGroups(): void {
  for (const folder of controlGroupMounts().values()) {
    for (const name of readdirSync(folder)) {
      if (!name.startsWith(PREFIX)) continue;
      const isOurs = name === CONTROL_GROUP;
      if (isOurs || !existsSync(`/proc/${name.slice(PREFIX.length)}`)) endCgroup(join(folder, name));
    }
  }
}
