/** The steps of a run in words, with a diff of each text against this node. Changes nothing. */
import { spawnSync } from "node:child_process";
import { type Disk, stateAfter } from "./run/disk.ts";
import type { FileStep, Step } from "./run/step.ts";

export function dryRun(disk: Disk, steps: readonly Step[]): string {
  return steps.map((step, index) => `${describe(step, index + 1)}${diffOf(disk, step)}`).join("");
}

function describe(step: Step, number: number): string {
  const { name, changes, check } = step;
  const undo = step.kind === "action" ? step.undo : "restores what was there before";
  return `${number}. ${name}: ${changes}\n   check: ${check}\n   undo: ${undo}\n`;
}

function diffOf(disk: Disk, step: Step): string {
  if (step.kind !== "file") return "";
  const { path, content } = step;
  const before = disk.stateOf(path);
  if (before === stateAfter(content)) return "   unchanged\n";
  if (content.kind !== "text") return `   ${before} -> ${stateAfter(content)}\n`;
  return unifiedDiff(disk, path, content);
}

function unifiedDiff(disk: Disk, path: string, { text }: Extract<FileStep["content"], { kind: "text" }>): string {
  const labels = ["--label", path, "--label", `${path} (new)`];
  const old = disk.isThere(path) ? disk.at(path) : "/dev/null";
  const { stdout } = spawnSync("diff", ["-u", ...labels, old, "-"], { input: text, encoding: "utf8" });
  return stdout || `   writes:\n${text}`;
}
