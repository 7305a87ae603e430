/**
 * Control groups of version 1 for the pods of a node. They do not end with their namespaces, so they are below one group in each
 * controller's tree, whose name contains the id of the test's process.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { endCgroup } from "../system/systemd-root/end-cgroup.ts";

const PREFIX = "ocir-cluster-";
/** The controllers that a kubelet and runc need. */
const CONTROLLERS = ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"] as const;

export const CONTROL_GROUP = `${PREFIX}${process.pid}`;

/**
 * Mounts the node's part of the trees inside the node, in a separate folder, because the node's systemd uses version 2. Not the whole
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

/** The controllers' folders of this process; empty if one is missing. */
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
