/**
 * Changes the files of a group of steps. All changes are recorded and prepared before the first one is made, so a full disk changes
 * nothing.
 */
import { dirname } from "node:path";
import { type Disk, type PathState, stateAfter } from "./disk.ts";
import { newSavedName, type PendingChange, saveOriginal, writeRecord } from "./record.ts";
import { isOurLink, isOurs, NO_CHANGE, type RunState } from "./run-state.ts";
import type { FileStep } from "./step.ts";

/** A text that each form of our do-nothing program contains. */
const DO_NOTHING_MARK = "ocir-broker do-nothing provider";
const MAX_DO_NOTHING_BYTES = 256 * 1024;

/** @returns whether a file is changed. */
export function changeFiles(state: RunState, group: readonly FileStep[]): boolean {
  const planned = group.flatMap((step) => {
    const change = planOf(state, step);
    return change === undefined ? [] : [{ step, change }];
  });
  if (planned.length === 0) return false;
  const { pending = NO_CHANGE } = state.record;
  const folders = state.disk.missingFolders(
    planned.flatMap(({ step }) => (isAbsent(step) ? [] : [dirname(step.path)])),
  );
  const files = Object.fromEntries(planned.map(({ step, change }) => [step.path, change]));
  // Counted as changed before the write, because a failed write may have replaced the file.
  state.record = {
    ...state.record,
    pending: { ...pending, files: { ...pending.files, ...files }, folders: [...pending.folders, ...folders] },
  };
  writeRecord(state.disk, state.record);
  for (const folder of folders) state.disk.makeFolder(folder);
  for (const { step, change } of planned) {
    if (change.earlier === undefined && change.previous.startsWith("file:")) state.disk.keepPrevious(step.path);
    prepare(state, step, change);
  }
  for (const { step } of planned) state.disk.put(step.path, isAbsent(step) ? "absent" : "staged");
  return true;
}

/** Undefined if the path has the content already. */
function planOf(state: RunState, { path, content, change: kind }: FileStep): PendingChange | undefined {
  // A second change within a run keeps the original from before the first.
  const earlier = state.record.pending?.files[path];
  const entry = earlier?.entry ?? state.record.files[path];
  const previous = state.disk.stateOf(path);
  const written = stateAfter(content);
  const isProgram = content.kind === "copy";
  const hasMode = !isProgram || (previous !== "absent" && state.disk.modeOf(path) === content.mode);
  // A file that others have written remains theirs, even if its content is what we would write.
  const isKnown = entry?.written === written || (!isProgram && !isOurLink(written));
  if (previous === written && hasMode && isKnown) return undefined;
  const common = { kind, written };
  const changed = {
    previous: earlier?.previous ?? previous,
    ...(earlier === undefined ? {} : { earlier: [...(earlier.earlier ?? []), earlier.entry.written] }),
  };
  if (isProgram) return { ...changed, entry: { original: "absent", ...common } };
  if (entry !== undefined && (isOurs(entry, previous) || isNeverOriginal(state.disk, path, previous)))
    return { ...changed, entry: { ...entry, ...common } };
  if (previous === "absent" || isNeverOriginal(state.disk, path, previous))
    return { ...changed, entry: { original: "absent", ...common } };
  return { ...changed, entry: { original: previous, saved: newSavedName(state.disk, path), ...common } };
}

function prepare(state: RunState, { path, content }: FileStep, { entry: { saved } }: PendingChange): void {
  if (saved !== undefined && !state.disk.isThere(saved)) {
    state.say(`${path} existed before: it is restored when ocir-broker is removed`);
    saveOriginal(state.disk, path, saved);
  }
  state.disk.stage(path, content);
}

/** Whether a path's content is not an original to keep: one of our links, or what an earlier failure has left. */
function isNeverOriginal(disk: Disk, path: string, state: PathState): boolean {
  return isOurLink(state) || isDoNothing(disk, path, state);
}

/** Whether it is a form of our do-nothing program. */
export function isDoNothing(disk: Disk, path: string, state: PathState): boolean {
  if (!state.startsWith("file:")) return false;
  const bytes = disk.read(path);
  return bytes !== undefined && bytes.length < MAX_DO_NOTHING_BYTES && bytes.includes(DO_NOTHING_MARK);
}

function isAbsent({ content }: FileStep): boolean {
  return content.kind === "absent";
}
