/**
 * Applies the steps of a run in order, and commits or rolls it back. A run that fails or is killed is rolled back: by itself, by the
 * next run, or by `remove`.
 */
import { setImmediate } from "node:timers/promises";
import { InstallError, installErrorOf } from "../install-error.ts";
import type { NodeContext } from "../system/node-context.ts";
import { type ActionUndo, CHANGE_KINDS } from "./change-kind.ts";
import { changeFiles } from "./file-changes.ts";
import { changedPaths, type Entry, forgetSaved, type InstallationRecord, RECORD, readRecord } from "./record.ts";
import { isOurs, NO_CHANGE, type RunState, report, save, stateIfAny } from "./run-state.ts";
import type { FileStep, RestoreStep, Step } from "./step.ts";
import { finishRestoring, outcomeOf, restoreAll, rollBack, tidy } from "./undo.ts";

export type Run = ReturnType<typeof createRun>;

/**
 * @param signal ends the run before its next step.
 * @throws {InstallError} `record`
 */
export function createRun({ disk, say }: Pick<NodeContext, "disk" | "say">, signal?: AbortSignal) {
  const isRecorded = disk.isThere(RECORD);
  const state: RunState = { disk, record: readRecord(disk), steps: [], left: [], say };

  /** @throws {InstallError} at the first step that fails. */
  async function apply(list: readonly Step[]): Promise<void> {
    for (const [first, ...more] of groupsOf(list)) {
      // Signals are received only between turns of the event loop.
      await setImmediate();
      if (signal?.aborted) throw new InstallError("killed", "the run was ended by a signal");
      const { name, changes } = first;
      try {
        let isChanged = true;
        if (first.kind === "action") {
          if (first.undo === "disable-units") recordUndo(state, first.undo);
          await first.run();
        }
        if (first.kind === "file") isChanged = changeFiles(state, [first, ...more]);
        report(
          state,
          { name, changes: `${changes}${more.length === 0 ? "" : " and others"}` },
          isChanged ? "done" : "unchanged",
        );
      } catch (error) {
        state.steps.push({ name, state: "failed" });
        throw installErrorOf(error);
      }
    }
  }

  /** Ends a run: nothing of it can be rolled back any more. */
  function commit(version: string | undefined = state.record.version): void {
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

  const programs = (): string[] => changedPaths(state.record, "program");

  return {
    apply,
    commit,
    record: () => state.record,
    steps: () => state.steps,
    left: () => state.left,
    /** Whether there was a record at the start. */
    isRecorded,
    /** Adds what is recognised as ours. */
    adopt(found: Readonly<Record<string, Entry>>): void {
      const { files } = state.record;
      const isAsRecorded = (path: string) => {
        const current = stateIfAny(disk, path);
        return current !== undefined && files[path] !== undefined && isOurs(files[path], current);
      };
      const newer = Object.entries(found).flatMap(([path, entry]) => {
        if (isAsRecorded(path)) return [];
        const original = entry.saved === undefined ? files[path] : undefined;
        return [[path, { ...entry, ...original, written: entry.written }]];
      });
      state.record = { ...state.record, files: { ...files, ...Object.fromEntries(newer) } };
    },
    outcomeOf: (step: RestoreStep) => outcomeOf(state, step),
    leave: (list: RunState["left"]) => void state.left.push(...list),
    isPending: () => state.record.pending !== undefined,
    /** Whether this run has changed a file that the daemon reads. */
    hasChangedDaemon: () =>
      Object.values(state.record.pending?.files ?? {}).some(
        ({ entry }) => CHANGE_KINDS[entry.kind].readBy === "daemon",
      ),
    rollBack: (isNow?: (path: string) => boolean) => rollBack(state, isNow),
    restoreAll: (list: readonly RestoreStep[]) => restoreAll(state, list),
    finishRestoring: (options: { readonly isRemoved: boolean }) => finishRestoring(state, options),
    programs,
    /** The archive's files that somebody else has changed or removed. */
    changedPrograms: () => programs().filter((path) => stateIfAny(disk, path) !== state.record.files[path]?.written),
    /** They belong to a package now. */
    forgetPrograms(): void {
      const files = Object.entries(state.record.files).filter(([, { kind }]) => kind !== "program");
      save(state, { ...state.record, files: Object.fromEntries(files) });
    },
  };
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
