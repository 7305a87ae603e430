/** Brings back what was there before a run that failed or was killed. */
import { installErrorOf } from "../install-error.ts";
import { forgetSaved, type PendingChange, tidyRecord } from "./record.ts";
import { putBack, type RunState, type StepResult, save, stateIfAny } from "./run-state.ts";

/**
 * Brings back what was there before the unfinished run, if there is one. A path that somebody else has changed since stays.
 *
 * @param isNow false for paths that a later call brings back.
 * @returns the paths that the run had changed, without those for later.
 */
export function rollBack(state: RunState, isNow: (path: string) => boolean = () => true): string[] {
  tidy(state);
  tidyRecord(state.disk);
  const { pending, ...rest } = state.record;
  if (pending === undefined) return [];
  const paths = Object.keys(pending.files).filter(isNow);
  const left = Object.entries(pending.files)
    .toReversed()
    .filter(([path, change]) => !isNow(path) || !isRolledBack(state, path, change))
    .toReversed();
  for (const folder of pending.folders.toReversed()) state.disk.removeFolder(folder);
  save(state, left.length === 0 ? rest : { ...rest, pending: { ...pending, files: Object.fromEntries(left) } });
  const undone = state.steps.map(
    ({ name, state: result }): StepResult => ({ name, state: result === "done" ? "undone" : result }),
  );
  state.steps.splice(0, state.steps.length, ...undone);
  return paths;
}

export function tidy(state: RunState): void {
  const { untidy, ...rest } = state.record;
  if (untidy === undefined) return;
  for (const path of untidy) state.disk.tidy(path);
  save(state, rest);
}

function isRolledBack(state: RunState, path: string, change: PendingChange): boolean {
  try {
    rollBackPath(state, path, change);
    return true;
  } catch (error) {
    const { message } = installErrorOf(error);
    state.left.push({ path, why: `it cannot be rolled back: ${message}` });
    state.say(`${path} cannot be rolled back: ${message}`);
    return false;
  }
}

function rollBackPath(state: RunState, path: string, { previous, entry, earlier = [] }: PendingChange): void {
  const current = stateIfAny(state.disk, path);
  if (current === undefined || ![previous, entry.written, "absent", ...earlier].includes(current)) {
    state.left.push({ path, why: "it was changed by others during the installation" });
  } else if (current !== previous || entry.written === previous) {
    if (state.disk.isPrevious(path, previous)) state.disk.putPrevious(path);
    else if (current !== previous) putBack(state.disk, path, previous);
  }
  state.disk.tidy(path);
  if (entry.saved !== state.record.files[path]?.saved) forgetSaved(state.disk, entry.saved);
}
