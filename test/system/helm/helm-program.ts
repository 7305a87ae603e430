/** Helm, built from its Go module, because Debian has no package. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildOnce, CACHE } from "../../go-build.ts";
import { oneProcessAtATime } from "../one-process-at-a-time.ts";
import type { InstalledFile } from "../systemd-root/systemd-root.ts";

const SOURCE = join(import.meta.dirname, "go");
const [, VERSION] = /helm\.sh\/helm\/v4 (v\S+)/.exec(readFileSync(join(SOURCE, "go.mod"), "utf8")) ?? [];
export const HELM = join(CACHE, `helm-${VERSION}/helm`);

/** Empty if helm is there or can be built, else a reason for the title of a test. */
export const lackOfHelm =
  existsSync(HELM) || spawnSync("go", ["version"]).status === 0 ? "" : " (skipped: needs go (golang))";

export function buildHelm(): Promise<void> {
  return oneProcessAtATime("helm", () => buildOnce({ path: HELM, folder: SOURCE, args: ["helm.sh/helm/v4/cmd/helm"] }));
}

/** For a node. */
export async function helmOnNode(): Promise<InstalledFile> {
  await buildHelm();
  return { from: HELM, to: "/usr/bin/helm", mode: 0o755 };
}
