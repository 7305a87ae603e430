/** What a run has done so far, and the operations on it that changing, rolling back and restoring share. */
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { InstallError } from "../install-error.ts";
import { LIBEXEC } from "../installed-files.ts";
import { type Disk, linkTargetOf, type PathState, stateAfter } from "./disk.ts";
import { type Entry, type InstallationRecord, type Pending, writeRecord } from "./record.ts";
import type { FileStep, Step } from "./step.ts";

export type StepResult = NodeResult["steps"][number];

export interface RunState {
  readonly disk: Disk;
  record: InstallationRecord;
  /** Whether there was a record at the start. */
  readonly isRecorded: boolean;
  /** Ends the run before its next step. */
  readonly signal: AbortSignal | undefined;
  readonly steps: StepResult[];
  /** Files that stay, and why. */
  readonly left: NonNullable<NodeResult["left"]>[number][];
  /** Prints one line for people for each step that changes something. */
  say(line: string): void;
}

export function save(state: RunState, next: InstallationRecord): void {
  writeRecord(state.disk, next);
  state.record = next;
}

export function report(
  state: RunState,
  { name, changes }: Pick<Step, "name" | "changes">,
  result: StepResult["state"],
): void {
  state.steps.push({ name, state: result });
  if (result === "done") state.say(`${name}: ${changes}`);
}

/** Undefined for a folder or a pipe. */
export function stateIfAny(disk: Disk, path: string): PathState | undefined {
  try {
    return disk.stateOf(path);
  } catch (error) {
    if (error instanceof InstallError) return undefined;
    throw error;
  }
}

/** Whether the step would change its path. */
export function isChange(disk: Disk, { path, content }: FileStep): boolean {
  return stateIfAny(disk, path) !== stateAfter(content);
}

/** @param previous a file is staged already. */
export function putBack(disk: Disk, path: string, previous: PathState): void {
  const target = linkTargetOf(previous);
  if (target !== undefined) disk.stage(path, { kind: "link", target });
  disk.put(path, previous === "absent" ? "absent" : "staged");
}

export const NO_CHANGE: Pending = { undo: [], files: {}, folders: [] };

export function isOurs({ written, next }: Entry, state: PathState): boolean {
  return state === written || state === next;
}

export function isOurLink(state: PathState): boolean {
  return linkTargetOf(state)?.startsWith(`${LIBEXEC}/`) === true;
}
