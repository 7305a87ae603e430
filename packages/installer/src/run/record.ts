/**
 * The record of an installation, /var/lib/ocir-broker/installation.json: for each path that we changed, what was there before and
 * what we wrote. It is written before a change is made, so a path is never in a state that the record does not know.
 */
import { dirname } from "node:path";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { InstallError } from "../install-error.ts";
import { type ActionUndo, CHANGE_KINDS, type ChangeKind } from "./change-kind.ts";
import { type Disk, linkTargetOf, type PathState } from "./disk.ts";

export const STATE_FOLDER = "/var/lib/ocir-broker";
export const RECORD = `${STATE_FOLDER}/installation.json`;
export const REPLACED = `${STATE_FOLDER}/replaced`;
const COPY = /\/before(?:-(\d+))?$/;

/** Another number means a later release's format, which must not be misread. */
const FORMAT = 1;

export interface Entry {
  readonly kind: ChangeKind;
  /** The state before our first change. */
  readonly original: PathState;
  /** Path of the original's copy, if there is an original. */
  readonly saved?: string;
  readonly written: PathState;
  /** The next state, while `written` is being replaced. */
  readonly next?: PathState;
}

/** A path that an unfinished run changes. */
export interface PendingChange {
  /** The state before the run. A previous file is kept next to the path. */
  readonly previous: PathState;
  readonly entry: Entry;
  /** The states that the run wrote before this one, if it changes the path more than once. */
  readonly earlier?: readonly PathState[];
}

export interface Pending {
  /** The actions of the run that must be undone. */
  readonly undo: readonly ActionUndo[];
  readonly files: Readonly<Record<string, PendingChange>>;
  readonly folders: readonly string[];
}

export interface InstallationRecord {
  /** Absent if ocir-broker is not installed: the files are left by a removal, which may not have ended. */
  readonly version?: string;
  readonly files: Readonly<Record<string, Entry>>;
  /** Folders that we made, in this order. */
  readonly folders: readonly string[];
  readonly pending?: Pending;
  /** Paths whose other names may be left, after the end of a run. */
  readonly untidy?: readonly string[];
}

const NO_RECORD: InstallationRecord = { files: {}, folders: [] };

/** @throws {InstallError} `record` if it cannot be understood. */
export function readRecord(disk: Disk): InstallationRecord {
  const bytes = disk.read(RECORD);
  if (bytes === undefined) return NO_RECORD;
  const value = parseJson(bytes);
  if (!isRecord(value)) throw recordError("it is empty or damaged");
  if (value.format !== FORMAT) throw recordError("a later release has written it");
  const { format: _, ...record } = value;
  return record;
}

/** Saves the record if it has changed, or removes it, after the folders that it names, if it has no file. */
export function writeRecord(disk: Disk, record: InstallationRecord): void {
  const { version, files, folders, pending, untidy } = record;
  if (version === undefined && pending === undefined && untidy === undefined && Object.keys(files).length === 0) {
    for (const folder of folders.toReversed()) disk.removeFolder(folder);
    disk.remove(RECORD);
    tidyRecord(disk);
    return;
  }
  makeFolders(disk, STATE_FOLDER);
  const text = `${JSON.stringify({ format: FORMAT, ...record }, undefined, 1)}\n`;
  if (disk.read(RECORD)?.toString() !== text) disk.save(RECORD, text);
}

/** Removes a partial record that a kill has left. */
export function tidyRecord(disk: Disk): void {
  disk.tidy(RECORD);
  disk.removeFolder(STATE_FOLDER);
}

/** The path's entry of the unfinished run, or else of the installation. Undefined if the file is not as we have written it. */
export function ownEntry(disk: Disk, { files, pending }: InstallationRecord, path: string): Entry | undefined {
  const entry = pending?.files[path]?.entry ?? files[path];
  return entry !== undefined && disk.stateOf(path) === entry.written ? entry : undefined;
}

/** The changed paths of these kinds, without those of an unfinished run. */
export function changedPaths({ files }: InstallationRecord, ...kinds: readonly ChangeKind[]): string[] {
  return Object.keys(files).filter((path) => kinds.some((kind) => files[path]?.kind === kind));
}

/** Whether the programs are an archive's, and not a package's. */
export function isFromArchive(record: InstallationRecord): boolean {
  return changedPaths(record, "program").length > 0;
}

/** Undefined if there was no file; empty for a link. */
export function originalText(disk: Disk, { original, saved }: Entry): string | undefined {
  if (original === "absent") return undefined;
  const isLink = linkTargetOf(original) !== undefined;
  return (saved === undefined || isLink ? undefined : disk.read(saved)?.toString()) ?? "";
}

/** A name for the copy of a path's original, different from those of all other copies. */
export function newSavedName(disk: Disk, path: string): string {
  for (let number = 1; ; number += 1) {
    const name = `${REPLACED}${path}/before${number === 1 ? "" : `-${number}`}`;
    if (!disk.isThere(name)) return name;
  }
}

/** The paths that have a copy of what was there before, with the latest copy. */
export function copiesOf(disk: Disk): Map<string, string> {
  const number = (copy: string): number => Number(COPY.exec(copy)?.[1] ?? 1);
  const copies = disk.filesBelow(REPLACED).filter((copy) => COPY.test(copy));
  const latestLast = copies.toSorted((a, b) => number(a) - number(b));
  return new Map(latestLast.map((copy) => [dirname(copy).slice(REPLACED.length), copy]));
}

export function saveOriginal(disk: Disk, path: string, saved: string): void {
  makeFolders(disk, dirname(saved));
  disk.stageCopy(path, saved);
  disk.put(saved);
}

export function forgetSaved(disk: Disk, saved: string | undefined): void {
  if (saved === undefined) return;
  disk.remove(saved);
  disk.tidy(saved);
  for (let folder = dirname(saved); folder.startsWith(REPLACED); folder = dirname(folder)) disk.removeFolder(folder);
}

/** Readable by root only, because the copies may be private. */
function makeFolders(disk: Disk, path: string): void {
  for (const folder of disk.missingFolders([path]))
    disk.makeFolder(folder, folder.startsWith(STATE_FOLDER) ? 0o700 : 0o755);
}

function recordError(what: string): InstallError {
  return new InstallError(
    "record",
    `${RECORD}: ${what}, so nothing is changed: restore it from a backup, or move it away and run this again, which then recognises ` +
      "our files by their digests and marks",
  );
}

function isRecord(value: unknown): value is InstallationRecord & { readonly format: number } {
  if (!isObject(value)) return false;
  if (value["format"] !== FORMAT) return typeof value["format"] === "number";
  const { files, folders, pending = { undo: [], files: {}, folders: [] } } = value;
  if (!isObject(files) || !Array.isArray(folders) || !isObject(pending)) return false;
  if (!isObject(pending["files"]) || !Array.isArray(pending["undo"]) || !Array.isArray(pending["folders"]))
    return false;
  const changes = Object.values(pending["files"]).map((change) => (isObject(change) ? change["entry"] : undefined));
  return [...Object.values(files), ...changes].every(
    (entry) => isObject(entry) && String(entry["kind"]) in CHANGE_KINDS,
  );
}

function isObject(value: unknown): value is Partial<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
