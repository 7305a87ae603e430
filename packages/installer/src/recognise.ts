/**
 * Recognises what is ours on a node whose record is lost or older than its files: by the digests of the installed releases, by our
 * marks, and by the copies of what was there before. A plugin's name proves nothing, because it is Oracle's.
 */
import { basename, join } from "node:path";
import { DEFAULT_CONFIG_PATH } from "@ocir-broker/config/load";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { isConfigName } from "@ocir-broker/kubelet-config/reading/decode";
import { changedText, lineWithFlags, OWN_DROP_IN, readKubeletUnit, unitFlags } from "@ocir-broker/node/kubelet-unit";
import { pathsIn, textOf } from "@ocir-broker/node/node-files";
import { PLUGIN_NAME, POOL_CONFIG_FILE, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { KubeletFiles } from "@ocir-broker/protocol/node-result";
import { installedIn } from "./archive.ts";
import { COMMAND_LINKS, FOLDERS, MANIFEST, OUR_NAME, OWN_FOLDERS, PLUGIN_LINKS } from "./installed-files.ts";
import { serviceAccountsIn, withTokenExchange } from "./kubelet/broker-config.ts";
import { DEFAULT_PATHS, PLUGIN_FOLDER, readKubeletPaths } from "./kubelet/kubelet-paths.ts";
import { isMergedFrom } from "./kubelet/own-config.ts";
import { withTexts } from "./kubelet/with-texts.ts";
import type { NodeRun } from "./node-run.ts";
import { type ChangeKind, kindOf } from "./run/change-kind.ts";
import { type Disk, namesBeside, type PathState } from "./run/disk.ts";
import { isDoNothing } from "./run/file-changes.ts";
import { copiesOf, type Entry, forgetSaved, RECORD, REPLACED } from "./run/record.ts";
import { adopt } from "./run/run.ts";
import { isOurLink, stateIfAny } from "./run/run-state.ts";
import type { NodeContext } from "./system/node-context.ts";

export interface Recognised {
  readonly files: Readonly<Record<string, Entry>>;
  /** Paths beside which a run may have left other names. */
  readonly names: readonly string[];
  /** Configurations with an entry of our plugin's name that may be somebody else's. */
  readonly doubtful: readonly string[];
}

/** No file has this state, so a path with it counts as changed by somebody else. */
const NOT_OURS: PathState = "file:";

/** Adds what is recognised to the run's record, and removes what an interrupted run has left beside it. */
export async function adoptRecognised(node: NodeRun): Promise<Recognised> {
  const found = await recognise(node);
  if (Object.keys(found.files).length > 0 && !node.isRecorded)
    node.say(`${RECORD} is missing: our files are recognised by their digests and marks`);
  adopt(node, found.files);
  found.names.forEach(node.disk.tidy);
  if (!node.isRecorded) tidyCopies(node.disk);
  return found;
}

/** Changes nothing. */
export async function recognise(node: NodeContext): Promise<Recognised> {
  const { disk, files } = node;
  const kubelet = await readKubeletPaths(node);
  const copies = copiesOf(disk);
  const programs = releasesOn(node);
  const configs = [...new Set([kubelet.config, DEFAULT_PATHS.config])].flatMap((path) => {
    const inside = pathsIn(path, files).filter(isConfigName);
    return inside.length === 0 ? [files.resolve(path)] : inside;
  });
  const plugins = [PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME].map((name) => join(kubelet.binDir, name));
  const links = [...Object.keys(COMMAND_LINKS), ...Object.keys(PLUGIN_LINKS)];
  const others = [OWN_DROP_IN, ...configs, POOL_CONFIG_FILE, DEFAULT_CONFIG_PATH, ...copies.keys()];
  const names = [...new Set([...programs.keys(), ...links, ...plugins, ...others])];
  const found = names.flatMap((path): [string, Entry][] => {
    const written = stateIfAny(disk, path);
    const saved = copies.get(path);
    if (written === undefined || (written === "absent" && saved === undefined)) return [];
    const kind = kindAt(node, path, programs);
    const isOurs =
      kind === "program" ? programs.get(path)?.has(written) : isOurWork(node, kind, path, { written, saved, kubelet });
    const original = saved === undefined ? "absent" : disk.stateOf(saved);
    if ((isOurs !== true && saved === undefined) || original === written) return [];
    const copy = saved === undefined ? {} : { saved };
    return [[path, { kind, original, ...copy, written: isOurs === true ? written : NOT_OURS }]];
  });
  const recognised = Object.fromEntries(found);
  const doubtful = configs.filter(
    (path) => recognised[path] === undefined && textOf(files.readText(path))?.includes(PLUGIN_NAME) === true,
  );
  return { files: recognised, names, doubtful };
}

/** If the record that names them is lost: removes superseded copies, partial ones, and those of paths that are as before. */
function tidyCopies(disk: Disk): void {
  const latest = [...copiesOf(disk)].filter(([path, copy]) => stateIfAny(disk, path) !== disk.stateOf(copy));
  const kept = latest.map(([, copy]) => copy);
  for (const copy of disk.filesBelow(REPLACED)) if (!kept.includes(copy)) forgetSaved(disk, copy);
}

export function filesWithOurNames({ disk, files }: NodeContext, known: readonly string[] = []): string[] {
  const named = FOLDERS.flatMap((folder) => pathsIn(folder, files)).filter((path) => OUR_NAME.test(basename(path)));
  return [...OWN_FOLDERS.flatMap(disk.filesBelow), ...named].filter((path) => !known.includes(path));
}

/** The files of each release whose list is on the node, also if its run was interrupted, with their states. */
function releasesOn({ disk }: NodeContext): Map<string, Set<PathState>> {
  const releases = new Map<string, Set<PathState>>();
  const add = (path: string, state: PathState | undefined) =>
    state === undefined ? undefined : releases.set(path, (releases.get(path) ?? new Set()).add(state));
  for (const list of [MANIFEST, ...namesBeside(MANIFEST)]) {
    const installed = installedIn(disk.read(list)?.toString() ?? "");
    for (const { path, sha256 } of installed) add(path, `file:${sha256}`);
    if (installed.length > 0) add(MANIFEST, stateIfAny(disk, list));
  }
  return releases;
}

function kindAt({ files }: NodeContext, path: string, programs: ReadonlyMap<string, unknown>): ChangeKind {
  const kind = programs.has(path) ? "program" : kindOf(path);
  if (kind !== undefined) return kind;
  const { parts, variables } = readKubeletUnit(files);
  return path === OWN_DROP_IN || [...parts, ...variables].some((file) => file.path === path)
    ? "kubelet-flags"
    : "kubelet-configuration";
}

interface Found {
  readonly written: PathState;
  /** The copy of what was there before. */
  readonly saved: string | undefined;
  readonly kubelet: KubeletFiles;
}

function isOurWork(node: NodeContext, kind: ChangeKind, path: string, { written, saved, kubelet }: Found): boolean {
  const { disk, files } = node;
  const text = textOf(files.readText(path)) ?? "";
  const before = saved === undefined ? undefined : (disk.read(saved)?.toString() ?? "");
  switch (kind) {
    case "plugin":
      return isOurLink(written) || isDoNothing(disk, path, written);
    case "kubelet-plugin": {
      const ours = `${PLUGIN_FOLDER}/${basename(path)}`;
      return written === `link:${ours}` && isOurLink(stateIfAny(disk, ours) ?? "absent");
    }
    case "kubelet-flags":
      return isOurFlags(node, path, text, before, kubelet);
    case "kubelet-configuration":
      return isMergedFrom(before, text);
    case "broker-configuration":
      return isOurBrokerConfig(text, disk.read(POOL_CONFIG_FILE)?.toString() ?? before);
    case "pool-configuration":
      return true;
    default:
      return isOurLink(written);
  }
}

/** Recognises our own drop-in by its name and form, and another file if repeating our change on its copy gives the same text. */
function isOurFlags(
  { files }: NodeContext,
  path: string,
  text: string,
  before: string | undefined,
  kubelet: KubeletFiles,
): boolean {
  if (path === OWN_DROP_IN && before === undefined) return /^\[Service\]\nEnvironment=.*\n$/.test(text);
  const unit = readKubeletUnit(withTexts(files, new Map([[path, before]])));
  const { config = kubelet.config, binDir = kubelet.binDir } = unitFlags(readKubeletUnit(files));
  const change = lineWithFlags(unit, { config, binDir });
  return change?.file === path && changedText(unit, change) === text;
}

function isOurBrokerConfig(text: string, before: string | undefined): boolean {
  if (before === undefined) return false;
  const audience = serviceAccountsIn(text)?.audience;
  return text === before || resultIfAny(() => withTokenExchange(before, audience)) === text;
}
