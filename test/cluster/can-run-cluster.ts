/** Can this machine run a Kubernetes node in namespaces? Looks only, as `canBootSystemd` does. */
import { spawnSync } from "node:child_process";
import { SHORT_RUN } from "../summary/lacks.ts";
import { canBootSystemd } from "../system/systemd-root/systemd-root.ts";
import { controlGroupVersion } from "./control-groups.ts";
import { areBuilt } from "./programs.ts";

/** Debian packages of what is not built here. */
const NEEDED = {
  go: "golang",
  etcd: "etcd-server",
  runc: "runc",
  curl: "curl",
  cc: "gcc",
} as const;

/** True in CI, which leaves the longer tests out. */
export const isShortRun = process.env["OCIR_BROKER_CLUSTER_RUN"] === "short";

/** Why a short run leaves a whole file out. */
export const lackOfTime = isShortRun ? SHORT_RUN : undefined;

/** Undefined if it can, with these minor versions built; else the reason why not. */
export function canRunCluster(minors: readonly number[]): string | undefined {
  const reason = canBootSystemd();
  if (reason !== undefined) return reason;
  const lacks = Object.entries(NEEDED).flatMap(
    ([program, debianPackage]) => lackOfProgram(program, debianPackage) ?? [],
  );
  if (lacks.length > 0) return lacks[0];
  if (controlGroupVersion() === undefined) return "needs all controllers of control groups";
  const missing = minors.find((minor) => !areBuilt(minor));
  return missing === undefined ? undefined : `Kubernetes 1.${missing} is not built, which npm run test:cluster does`;
}

export function lackOfProgram(program: string, debianPackage: string): string | undefined {
  const { status } = spawnSync("sh", ["-c", `command -v ${program}`]);
  return status === 0 ? undefined : `needs ${program} (${debianPackage})`;
}
