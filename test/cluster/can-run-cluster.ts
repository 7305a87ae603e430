/** Can this machine run a Kubernetes node in namespaces? Looks only, as `canBootSystemd` does. */
import { spawnSync } from "node:child_process";
import { canBootSystemd } from "../system/systemd-root/index.ts";
import { controlGroupMounts } from "./control-groups.ts";

/** Debian packages of what is not built here. */
const NEEDED = {
  go: "golang",
  etcd: "etcd-server",
  runc: "runc",
  curl: "curl",
  openssl: "openssl",
  cc: "gcc",
} as const;

/** Undefined where it can, else the reason why not. */
export function canRunCluster(): string | undefined {
  const reason = canBootSystemd();
  if (reason !== undefined) return reason;
  for (const [program, debianPackage] of Object.entries(NEEDED)) {
    if (spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0) return `needs ${program} (${debianPackage})`;
  }
  return controlGroupMounts().size === 0 ? "needs control groups of version 1" : undefined;
}
