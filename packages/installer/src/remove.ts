/**
 * Removes ocir-broker from the node, in the reverse order: first the kubelet's plugin is replaced, last the programs go. Each path is
 * restored by itself, so a removal that was killed is completed by the next one.
 */
import { BROKER_PROGRAM, PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { leaveToPackage } from "./install.ts";
import {
  COMMAND_LINKS,
  DO_NOTHING_PROGRAM,
  LIBEXEC,
  MANIFEST,
  OWN_FOLDERS,
  PLUGIN_LINKS,
  PROGRAM,
  RUNTIME_FOLDERS,
  SHIM,
} from "./installed-files.ts";
import { restoreConnection, restoreFlags } from "./kubelet/disconnect.ts";
import { poolConfigPaths } from "./kubelet/pool-config.ts";
import type { NodeRun } from "./node-run.ts";
import { clearDisabled } from "./off-switch.ts";
import { adoptRecognised, filesWithOurNames, recognise } from "./recognise.ts";
import { ACTION_UNDO } from "./run/change-kind.ts";
import { type Disk, namesBeside } from "./run/disk.ts";
import { changedPaths, type InstallationRecord, isFromArchive, RECORD, STATE_FOLDER } from "./run/record.ts";
import { forgetPrograms } from "./run/run.ts";
import { report, stateIfAny } from "./run/run-state.ts";
import type { RestoreStep } from "./run/step.ts";
import { beginRemoval, outcomeOf, restoreAll, saveRestored } from "./run/undo.ts";
import { isDisabled, type NodeContext } from "./system/node-context.ts";

/** The program does not run without this library. */
const LIBRARY = `${LIBEXEC}/libatomic.so.1`;
/** Removed last, so that a removal that is killed can be run again. */
export const LAST: readonly string[] = [PROGRAM, LIBRARY, MANIFEST];
export const UNKNOWN = "no installed release has written this content: check it, then delete it";
export const DOUBTFUL =
  `it names the plugin ${PLUGIN_NAME}, which may be Oracle's: if the entry is ocir-broker's, remove it, ` +
  "and restart the kubelet";
/** The name by which a person runs a removal again. */
export const LAST_LINK: RestoreStep = { name: "commands", path: BROKER_PROGRAM };
/** Of the units and folders, which have no record. */
export const SYSTEM = { name: "system", changes: `${ACTION_UNDO["disable-units"]}: ${RUNTIME_FOLDERS.join(", ")}` };
const UNIT = "/usr/lib/systemd/system/ocir-broker.service";
const AGAIN = "remove ocir-broker again";
const PLUGIN_STAYS =
  "a kubelet may still name it, so a program that returns no credentials has replaced it: " +
  "remove the plugin from the kubelet's flags, restart the kubelet, then delete it";

/** @returns whether a package stays. @throws {InstallError} `restore` if a file cannot be restored; the others are, the programs stay. */
export async function remove(node: NodeRun): Promise<boolean> {
  const { disk, units } = node;
  const { doubtful } = await adoptRecognised(node);
  if (Object.keys(node.record.files).length === 0 && !disk.isThere(PROGRAM))
    node.say("ocir-broker is not installed on this node: there is nothing to remove");
  else if (!node.isRecorded) node.left.push(...doubtful.map((path) => ({ path, why: DOUBTFUL })));
  beginRemoval(node);
  const flags = await restoreFlags(node);
  const { isRestored, needsPlugin } = await restoreConnection(node, flags);
  // A kubelet that still calls our plugin needs the daemon.
  saveRestored(node, restoreAll(node, pluginSteps(disk, needsPlugin)), AGAIN);
  if (isDisabled(node)) await clearDisabled(node);
  if (disk.isThere(UNIT)) {
    await units.disable();
    report(node, SYSTEM, "done");
  }
  const areLinks = restoreAll(node, lastLinkSteps(node.record));
  for (const folder of RUNTIME_FOLDERS) disk.clear(folder);
  saveRestored(node, flags.areRestored && isRestored && areLinks, AGAIN);
  // A package may have replaced an archive's files by the same ones. Without a record, too, only the package manager knows.
  const isPackage = isFromArchive(node.record) || !node.isRecorded ? await leaveToPackage(node) : disk.isThere(SHIM);
  saveRestored(node, restoreAll(node, programSteps(node.record)), AGAIN);
  saveRestored(node, restoreAll(node, [LAST_LINK]), AGAIN);
  const { folders } = node.record;
  const last = LAST.filter((path) => outcomeOf(node, { name: "programs", path }).kind === "restored");
  forgetPrograms(node);
  await units.reload();
  if (isPackage) return true;
  if (last.includes(PROGRAM)) disk.remove(PROGRAM);
  last.forEach(disk.clear);
  for (const folder of OWN_FOLDERS) if (disk.filesBelow(folder).length === 0) disk.clear(folder);
  for (const folder of folders.toReversed()) disk.removeFolder(folder);
  const named = node.left.map(({ path }) => path);
  const remaining = [...RUNTIME_FOLDERS.filter(disk.isThere), ...filesWithOurNames(node, named)];
  node.left.push(...remaining.map((path) => ({ path, why: UNKNOWN })));
  return false;
}

/** First, so that the kubelet's calls leave our plugin before the daemon's socket closes. */
export function pluginSteps(disk: Disk, isNeeded: (path: string) => boolean): RestoreStep[] {
  return Object.keys(PLUGIN_LINKS)
    .toReversed()
    .map((path) => ({ name: "plugin", path, instead: isNeeded(path) ? doNothing(disk, path) : undefined }));
}

/** After the daemon has stopped. */
export function lastLinkSteps(record: InstallationRecord): RestoreStep[] {
  const commands = Object.keys(COMMAND_LINKS)
    .filter((path) => path !== LAST_LINK.path)
    .toReversed();
  return [...named("configuration", poolConfigPaths(record)), ...named("commands", commands)];
}

export function programSteps(record: InstallationRecord): RestoreStep[] {
  return named(
    "programs",
    changedPaths(record, "program").filter((path) => !LAST.includes(path)),
  );
}

/** For an unreadable record: the files that a person must check. */
export async function leftWithoutRecord(node: NodeContext): Promise<NonNullable<NodeResult["left"]>> {
  const { files, names, doubtful } = await recognise(node);
  const isBelow = (path: string) => OWN_FOLDERS.some((folder) => path.startsWith(`${folder}/`));
  const staged = names.flatMap(namesBeside).filter(node.disk.isThere);
  const paths = [...Object.keys(files), ...staged, ...filesWithOurNames(node)].filter((path) => !isBelow(path));
  const ours = [...new Set([STATE_FOLDER, ...OWN_FOLDERS.filter(node.disk.isThere), ...paths])].toSorted();
  const why = `${RECORD} does not contain what was there before`;
  return [...ours.map((path) => ({ path, why })), ...doubtful.map((path) => ({ path, why: DOUBTFUL }))];
}

function named(name: string, paths: readonly string[]): RestoreStep[] {
  return paths.map((path) => ({ name, path }));
}

/** A killed removal may have moved the program to its path already. */
export function doNothing(disk: Disk, path: string): RestoreStep["instead"] {
  for (const from of [DO_NOTHING_PROGRAM, path]) {
    const [kind, sha256] = stateIfAny(disk, from)?.split(":") ?? [];
    if (kind === "file" && sha256 !== undefined)
      return { content: { kind: "copy", from: disk.at(from), sha256, mode: 0o755 }, why: PLUGIN_STAYS };
  }
  return undefined;
}
