/**
 * The files that are not ours, and that we change: before each change, what somebody else has written is copied. Copies and a list of
 * what we wrote are in /var/lib/ocir-broker; both are flushed before the change, so a path is never in a state that the list does not
 * know.
 */
import { parseJson } from "@ocir-broker/foundation/parse-json";
import type { Change, ChangeKind, Entry } from "./change.ts";
import { type Content, type Disk, stateIfAny } from "./disk.ts";
import { InstallError } from "./install-error.ts";
import { isOurLink, STATE_FOLDER } from "./installed-files.ts";
import { withoutOurs } from "./without-ours.ts";

interface List {
  /** Whether the units are enabled. Not between the beginning of a removal and the next installation. */
  readonly isInstalled: boolean;
  readonly files: Readonly<Record<string, Entry>>;
}

export const LIST = `${STATE_FOLDER}/copies.json`;
const COPIES = `${STATE_FOLDER}/copies`;

export type Copies = ReturnType<typeof createCopies>;

/** @throws {InstallError} `record` */
export function createCopies(disk: Disk) {
  const isThere = disk.isThere(LIST);
  let list = readList(disk);

  const copyOf = (path: string): string => COPIES + path;

  /** Flushes the list, or removes it if it has nothing to tell. */
  function save(next: List): void {
    if (JSON.stringify(next) === JSON.stringify(list)) return;
    list = next;
    const { files, isInstalled } = list;
    if (!Object.values(files).some(({ hasCopy }) => hasCopy)) disk.remove(COPIES);
    if (Object.keys(files).length === 0 && !isInstalled) {
      disk.write(LIST, { kind: "absent" });
      disk.removeFolder(STATE_FOLDER);
      return;
    }
    disk.makeFolder(STATE_FOLDER, 0o700);
    disk.write(LIST, { kind: "text", text: `${JSON.stringify(list, undefined, 1)}\n`, mode: 0o600 });
  }

  /** Whether the path is as we have written it. */
  function isOurs(path: string): boolean {
    const state = stateIfAny(disk, path);
    return state !== undefined && (isOurLink(state) || list.files[path]?.written.includes(state) === true);
  }

  /** The text before our first change: undefined if there was no file, empty for a link. */
  function originalText(path: string): string | undefined {
    if (list.files[path]?.hasCopy !== true) return undefined;
    return disk.stateOf(copyOf(path)).startsWith("link:") ? "" : disk.read(copyOf(path))?.toString();
  }

  /** Then an entry of its name in the kubelet's configuration may be that provider's. */
  const hasReplacedPlugin = (files: List["files"]): boolean =>
    Object.values(files).some(({ kind, hasCopy }) => hasCopy && (kind === "plugin" || kind === "kubelet-plugin"));

  /** What somebody else has at the path, without what is ours in it. */
  function theirs(path: string, kind: ChangeKind, files = list.files): Content {
    const state = disk.stateOf(path);
    if (state === "absent") return { kind: "absent" };
    const isKnown = files[path] !== undefined;
    const mayHaveOurs = isKnown || (kind === "kubelet-configuration" && !hasReplacedPlugin(files));
    if (!state.startsWith("file:") || !mayHaveOurs) return { kind: "copy", from: path };
    const text = disk.read(path)?.toString() ?? "";
    const without = withoutOurs(kind, text, originalText(path));
    if (without === text) return { kind: "copy", from: path };
    return without === undefined ? { kind: "absent" } : { kind: "text", text: without, mode: 0o644, like: path };
  }

  /** Undefined if the path has the content already, whoever has written it. */
  const isChange = ({ path, content }: Change): boolean => stateIfAny(disk, path) !== disk.stateAfter(content);

  function entryFor({ path, kind, content }: Change, files: List["files"]): Entry {
    const written = disk.stateAfter(content);
    const entry = list.files[path];
    if (isOurs(path)) return { kind, hasCopy: entry?.hasCopy ?? false, written: [written, disk.stateOf(path)] };
    const original = theirs(path, kind, files);
    if (original.kind !== "absent") {
      disk.makeFolder(STATE_FOLDER, 0o700);
      disk.write(copyOf(path), original);
    }
    return { kind, hasCopy: original.kind !== "absent", written: [written] };
  }

  /** Prepares all before the first change, so that a full disk changes nothing. */
  function write(changes: readonly Change[]): void {
    try {
      for (const { path, content } of changes) disk.stage(path, content);
      for (const { path, content } of changes) disk.put(path, content);
    } catch (error) {
      for (const { path } of changes) disk.unstage(path);
      throw error;
    }
  }

  return {
    isChange,
    isOurs,
    copyOf,
    hasCopy: (path: string): boolean => list.files[path]?.hasCopy === true,
    originalText,
    /** False on a node without ocir-broker, and if the list is lost. */
    isThere,
    isInstalled: (): boolean => list.isInstalled,
    setInstalled: (isInstalled: boolean): void => {
      if (list.isInstalled !== isInstalled) save({ ...list, isInstalled });
    },
    entries: (): Readonly<Record<string, Entry>> => list.files,
    paths: (...kinds: readonly ChangeKind[]): string[] =>
      Object.entries(list.files).flatMap(([path, { kind }]) => (kinds.includes(kind) ? path : [])),
    /** Writes what is ours. @returns the changes that were needed. */
    change(changes: readonly Change[]): Change[] {
      const needed = changes.filter(isChange);
      if (needed.length === 0) return [];
      const files: Record<string, Entry> = { ...list.files };
      for (const each of needed) files[each.path] = entryFor(each, files);
      save({ ...list, files });
      write(needed);
      return needed;
    },
    /** What brings back what was there before us. Undefined if somebody else has done it. */
    restoration(path: string, { kind, hasCopy }: Entry): Content | undefined {
      const state = stateIfAny(disk, path);
      if (state === undefined || state === "absent") return undefined;
      if (isOurs(path)) return hasCopy ? { kind: "copy", from: copyOf(path) } : { kind: "absent" };
      if (hasCopy && state === disk.stateOf(copyOf(path))) return undefined;
      const content = theirs(path, kind, { ...list.files, [path]: { kind, hasCopy, written: [] } });
      return content.kind === "copy" ? undefined : content;
    },
    /** Writes what was there before us, and forgets all paths of these kinds, but those at which a file of ours stays. */
    restore(kinds: readonly ChangeKind[], changes: readonly Change[]): void {
      const staying = changes.filter(({ why }) => why !== undefined);
      const left = staying.map(({ path, kind, content }): [string, Entry] => [
        path,
        { kind, hasCopy: false, written: [disk.stateAfter(content), disk.stateOf(path)] },
      ]);
      if (left.length > 0) save({ ...list, files: { ...list.files, ...Object.fromEntries(left) } });
      write(changes.filter(isChange));
      const isRestored = ([path, { kind }]: [string, Entry]): boolean =>
        kinds.includes(kind) && !staying.some((change) => change.path === path);
      const entries = Object.entries(list.files);
      save({ ...list, files: Object.fromEntries(entries.filter((entry) => !isRestored(entry))) });
      for (const [path] of entries.filter(isRestored)) {
        disk.remove(copyOf(path));
        // What a killed run has prepared.
        disk.unstage(path);
      }
    },
  };
}

function readList(disk: Disk): List {
  const bytes = disk.read(LIST);
  if (bytes === undefined) return { isInstalled: false, files: {} };
  const value = parseJson(bytes) as Partial<List> | undefined;
  if (typeof value?.files === "object" && typeof value.isInstalled === "boolean") return value as List;
  throw new InstallError(
    "record",
    `${LIST} is damaged, so nothing is changed: restore it from a backup, or move it away and run this again`,
  );
}
