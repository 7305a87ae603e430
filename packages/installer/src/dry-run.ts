/** The steps of a run in words, with a diff of each text against this node. Changes nothing. */
import { spawnSync } from "node:child_process";
import { ACTION_UNDO, CHANGE_KINDS } from "./run/change-kind.ts";
import { type Disk, stateAfter } from "./run/disk.ts";
import type { FileStep, Step } from "./run/step.ts";

export function dryRun(disk: Disk, steps: readonly Step[]): string {
  return steps.map((step, index) => `${describe(step, index + 1)}${diffOf(disk, step)}`).join("");
}

function describe(step: Step, number: number): string {
  const { name, changes, check } = step;
  const { undo } = step.kind === "action" ? { undo: ACTION_UNDO[step.undo] } : CHANGE_KINDS[step.change];
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
