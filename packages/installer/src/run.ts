/**
 * Applies the steps of a run in order. All changes of a group of file steps are recorded and prepared before the first one is made,
 * so a full disk changes nothing. A run that fails or is killed is rolled back: by itself, by the next run, or by `remove`.
 */
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { type Disk, type PathState, stateAfter } from "./disk.ts";
import { InstallError } from "./install-error.ts";
import { installErrorOf } from "./install-error-of.ts";
import { LIBEXEC } from "./installed-files.ts";
import {
  type Entry,
  forgetSaved,
  type InstallationRecord,
  newSavedName,
  type Pending,
  type PendingChange,
  readRecord,
  saveOriginal,
  tidyRecord,
  writeRecord,
} from "./record.ts";
import type { ActionStep, FileStep, RestoreStep, Step } from "./step.ts";

type StepResult = NodeResult["steps"][number];
type Left = NonNullable<NodeResult["left"]>[number];

export type Run = ReturnType<typeof createRun>;

export interface RunOptions {
  readonly disk: Disk;
  /** Ends the run before its next step. */
  readonly signal?: AbortSignal;
  /** For people: one line for each step that changes something. */
  say(line: string): void;
}

/** A text in our do-nothing programs, the shell form included. */
const DO_NOTHING_MARK = "ocir-broker do-nothing provider";
const MAX_DO_NOTHING_BYTES = 256 * 1024;

/** @throws {InstallError} `record` */
export function createRun({ disk, signal, say }: RunOptions) {
  let record = readRecord(disk);
  const steps: StepResult[] = [];
  const left: Left[] = [];

  function save(next: InstallationRecord): void {
    writeRecord(disk, next);
    record = next;
  }

  /** @throws {InstallError} at the first step that fails. */
  async function apply(list: readonly Step[]): Promise<void> {
    for (const group of groupsOf(list)) {
      // Signals are received only between turns of the event loop.
      await setImmediate();
      if (signal?.aborted) throw new InstallError("killed", "the run was ended by a signal");
      try {
        if (group[0]?.kind === "action") await group[0].run();
        else if (group[0]?.kind === "restore") throw new Error("a restore step is for restoreAll");
        const isChanged = changeFiles(group.filter((step) => step.kind === "file"));
        report(group, isChanged || group[0]?.kind === "action" ? "done" : "unchanged");
      } catch (error) {
        steps.push({ name: group[0]?.name ?? "", state: "failed" });
        throw installErrorOf(error);
      }
    }
  }

  function report([first, ...more]: readonly Step[], state: StepResult["state"]): void {
    if (first === undefined) return;
    steps.push({ name: first.name, state });
    if (state === "done") say(`${first.name}: ${first.describe.changes}${more.length === 0 ? "" : " and others"}`);
  }

  /** @returns whether a file is changed. */
  function changeFiles(group: readonly FileStep[]): boolean {
    const planned = group.flatMap((step) => {
      const change = planOf(step);
      return change === undefined ? [] : [{ step, change, isFirst: record.pending?.files[step.path] === undefined }];
    });
    if (planned.length === 0) return false;
    const { pending = newPending(record) } = record;
    const folders = missingFolders(planned.flatMap(({ step }) => (isAbsent(step) ? [] : [dirname(step.path)])));
    const files = Object.fromEntries(planned.map(({ step, change }) => [step.path, change]));
    // In memory first: a write that fails may have replaced the file.
    record = {
      ...record,
      pending: { ...pending, files: { ...pending.files, ...files }, folders: [...pending.folders, ...folders] },
    };
    writeRecord(disk, record);
    for (const folder of folders) disk.makeFolder(folder);
    for (const { step, change, isFirst } of planned) {
      if (isFirst && change.previous.startsWith("file:")) disk.keepPrevious(step.path);
      prepare(step, change);
    }
    for (const { step } of planned) disk.put(step.path, isAbsent(step) ? "absent" : "staged");
    return true;
  }

  /** Undefined if the path has the content already. */
  function planOf({ path, content }: FileStep): PendingChange | undefined {
    // A second change within a run keeps what was there before the first.
    const earlier = record.pending?.files[path];
    const entry = earlier?.entry ?? record.files[path];
    const previous = disk.stateOf(path);
    const written = stateAfter(content);
    const isProgram = content.kind === "copy";
    const hasMode = !isProgram || (previous !== "absent" && disk.modeOf(path) === content.mode);
    const isKnown = entry === undefined ? !isProgram && !isOurLink(written) : entry.written === written;
    if (previous === written && hasMode && isKnown) return undefined;
    const common = { written, ...(isProgram ? { isProgram } : {}) };
    const changed = { previous: earlier?.previous ?? previous };
    if (isProgram) return { ...changed, entry: { original: "absent", ...common } };
    if (entry !== undefined && (isOurs(entry, previous) || isNeverOriginal(path, previous)))
      return { ...changed, entry: { ...entry, ...common } };
    if (previous === "absent" || isNeverOriginal(path, previous))
      return { ...changed, entry: { original: "absent", ...common } };
    const saved = previous.startsWith("file:") ? { saved: newSavedName(disk, path) } : {};
    return { ...changed, entry: { original: previous, ...saved, ...common } };
  }

  function prepare({ path, content }: FileStep, { entry: { saved } }: PendingChange): void {
    if (saved !== undefined && !disk.isThere(saved)) {
      say(`${path} existed before: it is restored when ocir-broker is removed`);
      saveOriginal(disk, path, saved);
    }
    disk.stage(path, content);
  }

  /** The folders, and those above them, that do not exist; the upper ones first. */
  function missingFolders(folders: readonly string[]): string[] {
    const missing = new Set<string>();
    const look = (folder: string): void => {
      if (missing.has(folder) || disk.isThere(folder)) return;
      look(dirname(folder));
      missing.add(folder);
    };
    folders.forEach(look);
    return [...missing];
  }

  /** The end of a run: nothing of it is rolled back any more. */
  function commit(version: string | undefined = record.version): void {
    const { pending = newPending(record) } = record;
    const changed = Object.entries(pending.files).map(([path, { entry }]) => [path, entry] as const);
    const superseded = changed.flatMap(([path, { saved }]) => {
      const earlier = record.files[path]?.saved;
      return earlier === undefined || earlier === saved ? [] : [earlier];
    });
    const files = Object.entries({ ...record.files, ...Object.fromEntries(changed) });
    const { pending: _, ...rest } = record;
    const committed: InstallationRecord = {
      ...rest,
      ...(version === undefined ? {} : { version }),
      files: Object.fromEntries(files.filter(([, { original, written }]) => original !== written)),
      folders: [...record.folders, ...pending.folders],
    };
    if (changed.length === 0 && committed.version === record.version) return;
    save({ ...committed, untidy: changed.map(([path]) => path) });
    for (const saved of superseded) forgetSaved(disk, saved);
    tidy();
  }

  function tidy(): void {
    const { untidy, ...rest } = record;
    if (untidy === undefined) return;
    for (const path of untidy) disk.tidy(path);
    save(rest);
  }

  /**
   * Brings back what was there before the unfinished run, if there is one. A path that somebody else has changed since stays.
   *
   * @returns the paths that the run had changed.
   */
  function rollBack(): string[] {
    tidy();
    tidyRecord(disk);
    const { pending, ...rest } = record;
    if (pending === undefined) return [];
    const paths = Object.keys(pending.files);
    const failed = Object.entries(pending.files)
      .toReversed()
      .filter(([path, change]) => !isRolledBack(path, change));
    for (const folder of pending.folders.toReversed()) disk.removeFolder(folder);
    save(failed.length === 0 ? rest : { ...rest, pending: { ...pending, files: Object.fromEntries(failed) } });
    const undone = steps.map(({ name, state }): StepResult => ({ name, state: state === "done" ? "undone" : state }));
    steps.splice(0, steps.length, ...undone);
    return paths;
  }

  function isRolledBack(path: string, change: PendingChange): boolean {
    try {
      rollBackPath(path, change);
      return true;
    } catch (error) {
      const { message } = installErrorOf(error);
      left.push({ path, why: `it cannot be rolled back: ${message}` });
      say(`${path} cannot be rolled back: ${message}`);
      return false;
    }
  }

  function rollBackPath(path: string, { previous, entry }: PendingChange): void {
    const current = stateIfAny(path);
    if (current !== previous && current !== entry.written && current !== "absent") {
      left.push({ path, why: "it was changed by others during the installation" });
    } else if (current !== previous || entry.written === previous) {
      if (disk.isPrevious(path, previous)) disk.putPrevious(path);
      else if (current !== previous) putBack(path, previous);
    }
    disk.tidy(path);
    if (entry.saved !== record.files[path]?.saved) forgetSaved(disk, entry.saved);
  }

  function putBack(path: string, previous: PathState): void {
    if (previous.startsWith("link:")) disk.stage(path, { kind: "link", target: previous.slice("link:".length) });
    disk.put(path, previous === "absent" ? "absent" : "staged");
  }

  /** Undefined for a folder or a pipe. */
  function stateIfAny(path: string): PathState | undefined {
    try {
      return disk.stateOf(path);
    } catch (error) {
      if (error instanceof InstallError) return undefined;
      throw error;
    }
  }

  /** Restores each path, also after one that cannot be restored, which is then named. @returns whether all are restored. */
  async function restoreAll(list: readonly (RestoreStep | ActionStep)[]): Promise<boolean> {
    let isAll = true;
    for (const step of list) {
      try {
        if (step.kind === "restore") report([step], restore(step));
        else await step.run();
      } catch (error) {
        const { message } = installErrorOf(error);
        isAll = false;
        steps.push({ name: step.name, state: "failed" });
        if (step.kind === "action") continue;
        left.push({ path: step.path, why: `it cannot be restored: ${message}` });
        say(`${step.path} cannot be restored: ${message}`);
      }
    }
    return isAll;
  }

  function restore({ path, instead }: RestoreStep): StepResult["state"] {
    const entry = record.files[path];
    if (entry === undefined) return "unchanged";
    disk.tidy(path);
    const { original, saved } = entry;
    const current = stateIfAny(path);
    if (current !== undefined && (isOurs(entry, current) || isOurLink(current))) {
      if (original === "absent" && instead !== undefined) {
        leave(path, entry, instead);
        return "done";
      }
      if (saved !== undefined) disk.stageCopy(saved, path);
      putBack(path, original);
    } else if (current !== original && current !== "absent") {
      const copy = saved === undefined ? "" : `; the file from before ocir-broker is in ${saved}`;
      left.push({ path, why: `it was changed by others since${copy}` });
      say(`${path} was changed by others since, so it stays${copy}`);
      if (saved !== undefined) return "unchanged";
    }
    forget(path, saved);
    return "done";
  }

  /** What stays because a kubelet names it is still ours, for a later removal. */
  function leave(path: string, entry: Entry, { content, why }: NonNullable<RestoreStep["instead"]>): void {
    const written = stateAfter(content);
    if (entry.written !== written) {
      save({ ...record, files: { ...record.files, [path]: { ...entry, next: written } } });
      disk.stage(path, content);
      disk.put(path);
    }
    record = { ...record, files: { ...record.files, [path]: { original: "absent", written } } };
    left.push({ path, why });
    say(`${path} stays: ${why}`);
  }

  function forget(path: string, saved: string | undefined): void {
    forgetSaved(disk, saved);
    const { [path]: _, ...files } = record.files;
    record = { ...record, files };
  }

  const programs = (): string[] =>
    Object.entries(record.files).flatMap(([path, { isProgram }]) => (isProgram ? [path] : []));

  /** The archive's files that somebody else has changed or removed. */
  function changedPrograms(): string[] {
    return programs().filter((path) => stateIfAny(path) !== record.files[path]?.written);
  }

  /** They belong to a package now. */
  function forgetPrograms(): void {
    const files = Object.entries(record.files).filter(([, { isProgram }]) => !isProgram);
    save({ ...record, files: Object.fromEntries(files) });
  }

  /**
   * Records what is restored. A kill before it loses nothing: each path is either ours or restored, so the next removal continues.
   *
   * @param isRemoved whether the programs are gone too.
   */
  function finishRestoring({ isRemoved }: { readonly isRemoved: boolean }): void {
    const { version, ...rest } = record;
    if (!isRemoved) save(record);
    else if (Object.keys(rest.files).length > 0) save(rest);
    else {
      for (const folder of rest.folders.toReversed()) disk.removeFolder(folder);
      save({ ...rest, folders: [] });
    }
  }

  /** Whether a path's content must not be kept as somebody else's: our links, and what an earlier failure has left. */
  function isNeverOriginal(path: string, state: PathState): boolean {
    if (!state.startsWith("file:")) return isOurLink(state);
    const bytes = disk.read(path);
    return bytes !== undefined && bytes.length < MAX_DO_NOTHING_BYTES && bytes.includes(DO_NOTHING_MARK);
  }

  return {
    record: () => record,
    steps: (): readonly StepResult[] => steps,
    left: (): readonly Left[] => left,
    apply,
    commit,
    rollBack,
    restoreAll,
    finishRestoring,
    programs,
    changedPrograms,
    forgetPrograms,
    isPending: () => record.pending !== undefined,
  };
}

function newPending({ version }: InstallationRecord): Pending {
  return { isFirst: version === undefined, files: {}, folders: [] };
}

/** Consecutive file steps of one name are one group. */
function groupsOf(list: readonly Step[]): Step[][] {
  const groups: Step[][] = [];
  for (const step of list) {
    const last = groups.at(-1);
    if (step.kind === "file" && last?.[0]?.kind === "file" && last[0].name === step.name) last.push(step);
    else groups.push([step]);
  }
  return groups;
}

function isAbsent({ content }: FileStep): boolean {
  return content.kind === "absent";
}

function isOurs({ written, next }: Entry, state: PathState): boolean {
  return state === written || state === next;
}

function isOurLink(state: PathState): boolean {
  return state.startsWith(`link:${LIBEXEC}/`);
}
