/**
 * Applies the steps of a run in order, and commits or rolls it back. A run that fails or is killed is rolled back: by itself, by the
 * next run, or by `remove`.
 */
import { setImmediate } from "node:timers/promises";
import { InstallError, installErrorOf } from "../install-error.ts";
import { type ActionUndo, CHANGE_KINDS } from "./change-kind.ts";
import { changeFiles } from "./file-changes.ts";
import { changedPaths, type Entry, forgetSaved, type InstallationRecord, RECORD, readRecord } from "./record.ts";
import { isOurs, NO_CHANGE, type RunState, report, save, stateIfAny } from "./run-state.ts";
import type { FileStep, Step } from "./step.ts";
import { tidy } from "./undo.ts";

/** @throws {InstallError} `record` */
export function createRun({ disk, say }: Pick<RunState, "disk" | "say">, signal?: AbortSignal): RunState {
  return { disk, say, signal, isRecorded: disk.isThere(RECORD), record: readRecord(disk), steps: [], left: [] };
}

/** @throws {InstallError} at the first step that fails. */
export async function applySteps(state: RunState, list: readonly Step[]): Promise<void> {
  for (const [first, ...more] of groupsOf(list)) {
    // Signals are received only between turns of the event loop.
    await setImmediate();
    if (state.signal?.aborted) throw new InstallError("killed", "the run was ended by a signal");
    const { name, changes } = first;
    try {
      let isChanged = true;
      if (first.kind === "action") {
        if (first.undo === "disable-units") recordUndo(state, first.undo);
        await first.run();
      }
      if (first.kind === "file") isChanged = changeFiles(state, [first, ...more]);
      const all = `${changes}${more.length === 0 ? "" : " and others"}`;
      report(state, { name, changes: all }, isChanged ? "done" : "unchanged");
    } catch (error) {
      state.steps.push({ name, state: "failed" });
      throw installErrorOf(error);
    }
  }
}

/** Ends a run: nothing of it can be rolled back any more. */
export function commit(state: RunState, version: string | undefined = state.record.version): void {
  const { pending = NO_CHANGE } = state.record;
  const changed = Object.entries(pending.files).map(([path, { entry }]) => [path, entry] as const);
  const superseded = changed.flatMap(([path, { original, written, saved }]) => {
    const earlier = state.record.files[path]?.saved;
    return earlier === undefined || (earlier === saved && original !== written) ? [] : [earlier];
  });
  const files = Object.entries({ ...state.record.files, ...Object.fromEntries(changed) });
  const { pending: _, ...rest } = state.record;
  const committed: InstallationRecord = {
    ...rest,
    ...(version === undefined ? {} : { version }),
    files: Object.fromEntries(files.filter(([, { original, written }]) => original !== written)),
    folders: [...state.record.folders, ...pending.folders],
  };
  if (state.record.pending === undefined && committed.version === state.record.version) return;
  save(state, { ...committed, untidy: changed.map(([path]) => path) });
  for (const saved of superseded) forgetSaved(state.disk, saved);
  tidy(state);
}

/** Adds what is recognised as ours. */
export function adopt(state: RunState, found: Readonly<Record<string, Entry>>): void {
  const { files } = state.record;
  const isAsRecorded = (path: string) => {
    const current = stateIfAny(state.disk, path);
    return current !== undefined && files[path] !== undefined && isOurs(files[path], current);
  };
  const newer = Object.entries(found).flatMap(([path, entry]) => {
    if (isAsRecorded(path)) return [];
    const original = entry.saved === undefined ? files[path] : undefined;
    return [[path, { ...entry, ...original, written: entry.written }]];
  });
  state.record = { ...state.record, files: { ...files, ...Object.fromEntries(newer) } };
}

export function hasChangedDaemon({ record: { pending = NO_CHANGE } }: RunState): boolean {
  return Object.values(pending.files).some(({ entry }) => CHANGE_KINDS[entry.kind].readBy === "daemon");
}

/** The archive's files that somebody else has changed or removed. */
export function changedPrograms({ disk, record }: RunState): string[] {
  return changedPaths(record, "program").filter((path) => stateIfAny(disk, path) !== record.files[path]?.written);
}

/** They are gone, or belong to a package now. */
export function forgetPrograms(state: RunState, kept: readonly string[] = []): void {
  const files = Object.entries(state.record.files).filter(
    ([path, { kind }]) => kind !== "program" || kept.includes(path),
  );
  save(state, { ...state.record, files: Object.fromEntries(files) });
}

function recordUndo(state: RunState, undo: ActionUndo): void {
  const { pending = NO_CHANGE } = state.record;
  if (!pending.undo.includes(undo))
    save(state, { ...state.record, pending: { ...pending, undo: [...pending.undo, undo] } });
}

/** Consecutive file steps of one name are one group. */
function groupsOf(list: readonly Step[]): [Step, ...FileStep[]][] {
  const groups: [Step, ...FileStep[]][] = [];
  for (const step of list) {
    const last = groups.at(-1);
    if (step.kind === "file" && last?.[0].kind === "file" && last[0].name === step.name) last.push(step);
    else groups.push([step]);
  }
  return groups;
}
