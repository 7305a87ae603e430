/**
 * Brings back what was there before a run that failed or was killed, or before ocir-broker. A restoration records no path first:
 * each is either ours or restored.
 */
import { InstallError, installErrorOf } from "../install-error.ts";
import { stateAfter } from "./disk.ts";
import { type Entry, forgetSaved, type PendingChange, tidyRecord } from "./record.ts";
import { isOurLink, isOurs, putBack, type RunState, report, type StepResult, save, stateIfAny } from "./run-state.ts";
import type { RestoreStep } from "./step.ts";

/**
 * Restores what was there before the unfinished run, if there is one. A path that somebody else has changed since stays.
 * The caller saves the record at the end, which a full disk may prevent: until then all of this can be done again.
 *
 * @param isNow false for what a later call restores.
 * @returns the paths that the run had changed, without those for later.
 */
export function rollBackFiles(state: RunState, isNow: (entry: Entry) => boolean = () => true): string[] {
  tidy(state);
  tidyRecord(state.disk);
  const { pending, ...rest } = state.record;
  if (pending === undefined) return [];
  const changes = Object.entries(pending.files);
  const left = changes
    .toReversed()
    .filter(([path, change]) => !isNow(change.entry) || !isRolledBack(state, path, change))
    .toReversed();
  for (const folder of pending.folders.toReversed()) state.disk.removeFolder(folder);
  state.record = left.length === 0 ? rest : { ...rest, pending: { ...pending, files: Object.fromEntries(left) } };
  const undone = state.steps.map(
    ({ name, state: result }): StepResult => ({ name, state: result === "done" ? "undone" : result }),
  );
  state.steps.splice(0, state.steps.length, ...undone);
  return changes.flatMap(([path, { entry }]) => (isNow(entry) ? [path] : []));
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
  const ours = [previous, entry.written, "absent", ...earlier];
  // The off switch links to another program.
  if (current === undefined || !(ours.includes(current) || isOurLink(current))) {
    state.left.push({ path, why: "it was changed by others during the installation" });
  } else if (current !== previous || entry.written === previous) {
    if (state.disk.isPrevious(path, previous)) state.disk.putPrevious(path);
    else if (current !== previous) putBack(state.disk, path, previous);
  }
  state.disk.tidy(path);
  if (entry.saved !== state.record.files[path]?.saved) forgetSaved(state.disk, entry.saved);
}

/** Restores each path. One that cannot be restored is named, and the others continue. @returns whether all are restored. */
export function restoreAll(state: RunState, list: readonly RestoreStep[]): boolean {
  let isAll = true;
  for (const step of list) {
    const { name, path } = step;
    try {
      report(state, { name, changes: `${path}: ${restorationOf(state.record.files[path])}` }, restore(state, step));
    } catch (error) {
      const { message } = installErrorOf(error);
      isAll = false;
      state.steps.push({ name, state: "failed" });
      state.left.push({ path, why: `it cannot be restored: ${message}` });
      state.say(`${path} cannot be restored: ${message}`);
    }
  }
  return isAll;
}

/** For people, also in a dry run. */
export const restorationOf = (entry: Entry | undefined): string =>
  entry?.original === "absent" ? "removed: nothing was there before" : `restored from ${entry?.saved}`;

/** Records what is restored. A kill before this loses nothing: the next removal continues. @throws {InstallError} `restore` */
export function saveRestored(state: RunState, isRestored: boolean, next: string): void {
  save(state, state.record);
  if (!isRestored)
    throw new InstallError("restore", `not everything is restored: correct the errors above, and ${next}`);
}

/** First: a removal that does not end leaves a node on which ocir-broker is not installed. */
export function beginRemoval(state: RunState): void {
  const { version, ...rest } = state.record;
  if (version !== undefined) save(state, rest);
}

/** What a restoration does with a path. */
export type Outcome =
  | { readonly kind: "unknown" }
  | { readonly kind: "restored"; readonly entry: Entry; readonly isThere: boolean }
  | { readonly kind: "stays"; readonly entry: Entry; readonly instead: NonNullable<RestoreStep["instead"]> }
  | { readonly kind: "theirs"; readonly entry: Entry; readonly why: string };

/** Changes nothing. */
export function outcomeOf(
  { disk, record }: Pick<RunState, "disk" | "record">,
  { path, instead }: RestoreStep,
): Outcome {
  const current = stateIfAny(disk, path);
  const isLink = current !== undefined && isOurLink(current);
  const entry = record.files[path];
  if (entry === undefined) return { kind: "unknown" };
  const { original, saved } = entry;
  if (isLink || (current !== undefined && isOurs(entry, current))) {
    const stays = original === "absent" && instead !== undefined;
    return stays ? { kind: "stays", entry, instead } : { kind: "restored", entry, isThere: true };
  }
  if (current === original || current === "absent") return { kind: "restored", entry, isThere: false };
  const copy = saved === undefined ? "" : `; the file from before ocir-broker is in ${saved}`;
  return { kind: "theirs", entry, why: `it was changed by others since${copy}` };
}

function restore(state: RunState, step: RestoreStep): StepResult["state"] {
  const { path } = step;
  const outcome = outcomeOf(state, step);
  if (outcome.kind === "unknown") return "unchanged";
  state.disk.tidy(path);
  const { original, saved } = outcome.entry;
  switch (outcome.kind) {
    case "stays":
      leave(state, path, outcome.entry, outcome.instead);
      return "unchanged";
    case "theirs":
      state.left.push({ path, why: outcome.why });
      if (saved === undefined) forget(state, path, saved);
      return "unchanged";
    case "restored":
      if (outcome.isThere) {
        if (saved !== undefined) state.disk.stageCopy(saved, path);
        putBack(state.disk, path, original);
      }
      forget(state, path, saved);
      return "done";
  }
}

/** A path that stays because a kubelet names it remains recorded as ours, so that a later removal restores it. */
export function leave(
  state: RunState,
  path: string,
  entry: Entry,
  { content, why }: NonNullable<RestoreStep["instead"]>,
): void {
  const written = stateAfter(content);
  if (entry.written !== written || stateIfAny(state.disk, path) !== written) {
    save(state, { ...state.record, files: { ...state.record.files, [path]: { ...entry, next: written } } });
    state.disk.stage(path, content);
    state.disk.put(path);
  }
  state.record = {
    ...state.record,
    files: { ...state.record.files, [path]: { kind: entry.kind, original: "absent", written } },
  };
  state.left.push({ path, why });
}

function forget(state: RunState, path: string, saved: string | undefined): void {
  forgetSaved(state.disk, saved);
  const { [path]: _, ...files } = state.record.files;
  state.record = { ...state.record, files };
}
