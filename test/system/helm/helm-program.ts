/** Helm, built from its Go module once and kept in the user's cache folder: a build takes minutes, and Debian has no package. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { oneProcessAtATime } from "../one-process-at-a-time.ts";

const SOURCE = join(import.meta.dirname, "go");
const [, VERSION] = /helm\.sh\/helm\/v4 (v\S+)/.exec(readFileSync(join(SOURCE, "go.mod"), "utf8")) ?? [];
const FOLDER = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), `ocir-broker/helm-${VERSION}`);
export const HELM = join(FOLDER, "helm");

/** Empty if helm is there or can be built, else a reason for the title of a test. */
export const lackOfHelm =
  existsSync(HELM) || spawnSync("go", ["version"]).status === 0 ? "" : " (skipped: needs go (golang))";

export function buildHelm(): Promise<void> {
  return oneProcessAtATime("helm", buildIfMissing);
}

function buildIfMissing(): void {
  if (existsSync(HELM)) return;
  mkdirSync(FOLDER, { recursive: true });
  const unfinished = `${HELM}.${process.pid}`;
  const args = ["build", "-trimpath", "-o", unfinished, "helm.sh/helm/v4/cmd/helm"];
  const { status, stderr } = spawnSync("go", args, { cwd: SOURCE, encoding: "utf8" });
  if (status !== 0) throw new Error(`helm cannot be built: ${stderr}`);
  renameSync(unfinished, HELM);
}
