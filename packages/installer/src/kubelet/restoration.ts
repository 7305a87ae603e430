/**
 * What brings the kubelet's files back, in the reverse order of `connect`: the flags, then the configuration, then the plugins. What
 * a kubelet still names and nothing was before stays, in a form with which it starts. Changes nothing itself.
 */
import { basename, dirname, join } from "node:path";
import { mergeProvider } from "@ocir-broker/kubelet-config/merging/merge";
import { isConfigName } from "@ocir-broker/kubelet-config/reading/decode";
import { distrustOfAll } from "@ocir-broker/node/credential-provider-files";
import { detectKubelet } from "@ocir-broker/node/kubelet";
import { BIN_DIRECTORY_FLAG, CONFIG_FLAG, OWN_DROP_IN, unitValues } from "@ocir-broker/node/kubelet-unit";
import { type NodeFiles, pathsIn, textOf } from "@ocir-broker/node/node-files";
import { PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { Change, ChangeKind, Entry } from "../change.ts";
import { stateIfAny } from "../disk.ts";
import { COMMAND_LINKS, isOurLink, PLUGIN_LINKS, SHIM } from "../installed-files.ts";
import type { NodeRun } from "../node-run.ts";
import type { NodeContext } from "../system/node-context.ts";
import { poolConfig } from "./broker-config.ts";
import { SERVICE_ACCOUNTS_MINOR } from "./connect.ts";
import { DEFAULT_PATHS, readKubeletPaths } from "./kubelet-paths.ts";
import { withTexts } from "./with-texts.ts";

/** The paths that a kubelet's next start will name: those in the files of its unit, and those of the running process. */
interface KubeletNames {
  /** A running kubelet does not need files that it does not name. */
  readonly isRunning: boolean;
  readonly configs: readonly string[];
  readonly binDirs: readonly string[];
}

/** The paths that a kubelet names, and the files as they will be then. Undefined paths: uncertain. */
interface KubeletView {
  readonly names: KubeletNames | undefined;
  readonly files: NodeFiles;
}

export interface Restoration {
  readonly flags: readonly Change[];
  readonly configs: readonly Change[];
  readonly broker: readonly Change[];
  readonly plugins: readonly Change[];
  readonly commands: readonly Change[];
  /** Those of `broker` and `plugins`. */
  readonly kinds: { readonly broker: readonly ChangeKind[]; readonly plugins: readonly ChangeKind[] };
}

type Stays = (path: string, kind: ChangeKind) => Change | undefined;

/** @param of `connect`: only what it has changed. The pool's configuration then stays. */
export async function restoration(node: NodeRun, of: "connect" | "installation"): Promise<Restoration> {
  const entries = { ...(await foundWithoutList(node)), ...node.copies.entries() };
  const restored = (kinds: readonly ChangeKind[], stays: Stays = () => undefined) =>
    Object.entries(entries).flatMap(([path, entry]): Change[] => {
      if (!kinds.includes(entry.kind)) return [];
      const content = node.copies.restoration(path, entry);
      if (content === undefined) return [];
      const staying = content.kind === "absent" ? stays(path, entry.kind) : undefined;
      return [staying ?? { kind: entry.kind, path, content }];
    });

  const flags = restored(["kubelet-flags"]);
  const withoutFlags = filesAfter(node, node.files, flags);
  // Without the list, it is uncertain whether a running kubelet has its flags from us.
  const names = await readKubeletNames({ ...node, files: withoutFlags }, flags.length > 0 && node.copies.isThere);
  const before: KubeletView = { names, files: withoutFlags };
  const configs = restored(["kubelet-configuration"], (path) => stayingConfig(path, before));
  const view: KubeletView = { names, files: filesAfter(node, withoutFlags, configs) };
  const isPoolKept = of === "connect" && poolConfig(node) !== undefined;
  const kinds = {
    broker: isPoolKept ? [] : (["broker-configuration"] as const),
    plugins: of === "connect" ? (["kubelet-plugin"] as const) : (["kubelet-plugin", "plugin"] as const),
  };
  return {
    flags,
    configs,
    broker: restored(kinds.broker),
    plugins: restored(kinds.plugins, (path, kind) => stayingPlugin(node, path, kind, view)),
    commands: of === "connect" ? [] : restored(["command"]),
    kinds,
  };
}

/** What is ours by its place and form, although the list does not have it. */
async function foundWithoutList(node: NodeRun): Promise<Record<string, Entry>> {
  const found: Record<string, Entry> = {};
  const add = (kind: ChangeKind, path: string): void => {
    found[path] = { kind, hasCopy: false, written: [] };
  };
  const { config, binDir } = await readKubeletPaths(node);
  const isOurs = (path: string) => isOurLink(stateIfAny(node.disk, path));
  const links = (kind: ChangeKind, paths: readonly string[]) => {
    for (const path of paths.filter(isOurs)) add(kind, path);
  };
  links("command", Object.keys(COMMAND_LINKS));
  links(
    "kubelet-plugin",
    [PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME].map((name) => join(binDir, name)),
  );
  links("plugin", Object.keys(PLUGIN_LINKS).toReversed());
  if (node.copies.isThere) return found;
  if (node.disk.isThere(OWN_DROP_IN)) add("kubelet-flags", OWN_DROP_IN);
  // Otherwise the entry is that of the plugin that is there, which may be Oracle's.
  if (!isOurs(join(binDir, PLUGIN_NAME))) return found;
  const inside = pathsIn(config, node.files).filter(isConfigName);
  for (const path of inside.length === 0 ? [node.files.resolve(config)] : inside)
    if (textOf(node.files.readText(path))?.includes(PLUGIN_NAME)) add("kubelet-configuration", path);
  return found;
}

/** For the node's identity, because the broker's token exchange goes. */
function stayingConfig(path: string, view: KubeletView): Change | undefined {
  if (!isConfigNeeded(path, view)) return undefined;
  const text = mergeProvider(undefined, { kubeletMinor: SERVICE_ACCOUNTS_MINOR });
  return {
    kind: "kubelet-configuration",
    path,
    content: { kind: "text", text, mode: 0o644 },
    why: stillNamed(CONFIG_FLAG, view),
  };
}

/** A file of its own, which needs nothing else: without an installation it responds with no credentials. */
function stayingPlugin({ disk }: NodeRun, path: string, kind: ChangeKind, view: KubeletView): Change | undefined {
  if (!isPluginNeeded(path, view)) return undefined;
  // A second removal finds it there.
  const from = disk.isThere(SHIM) ? SHIM : path;
  return { kind, path, content: { kind: "copy", from }, why: stillNamed(BIN_DIRECTORY_FLAG, view) };
}

function stillNamed(flag: string, { names }: KubeletView): string {
  const named = names === undefined ? "may still have" : "still has";
  return (
    `a kubelet ${named} the flag ${flag}, and does not start without this file. Take ${CONFIG_FLAG} and ${BIN_DIRECTORY_FLAG} ` +
    "out of its flags and restart it, then delete the file"
  );
}

/** The files as they will be after these changes. */
function filesAfter({ disk }: NodeRun, files: NodeFiles, changes: readonly Change[]): NodeFiles {
  const texts = changes.map(({ path, content }): [string, string | undefined] => {
    if (content.kind === "text") return [path, content.text];
    return [path, content.kind === "copy" ? disk.read(content.from)?.toString() : undefined];
  });
  return withTexts(files, new Map(texts));
}

/**
 * Undefined if it is uncertain: a user other than root can change one of the paths.
 *
 * @param ignoresProcess the running kubelet has its flags from us, and they are removed from its unit: its next start does not get them.
 */
async function readKubeletNames(
  { files, runProgram }: Pick<NodeContext, "files" | "runProgram">,
  ignoresProcess: boolean,
): Promise<KubeletNames | undefined> {
  const kubelet = await detectKubelet(files, runProgram);
  const process = kubelet?.pid === undefined || ignoresProcess ? undefined : kubelet;
  const named = (flag: string, ofProcess: string | undefined) =>
    [...unitValues(files, flag), ofProcess ?? ""].filter((path) => path.startsWith("/"));
  const configs = named(CONFIG_FLAG, process?.config);
  const binDirs = named(BIN_DIRECTORY_FLAG, process?.binDir);
  const isCertain = [...configs, ...binDirs].every((path) => distrustOfAll(files, path) === undefined);
  return isCertain ? { isRunning: kubelet?.pid !== undefined, configs, binDirs } : undefined;
}

function isConfigNeeded(path: string, { names, files }: KubeletView): boolean {
  if (names === undefined) return true;
  return names.configs.some((named) => {
    const folder = files.resolve(named);
    if (folder === files.resolve(path)) return true;
    // The last configuration of a directory must stay.
    return folder === files.resolve(dirname(path)) && pathsIn(folder, files).filter(isConfigName).length <= 1;
  });
}

/** If it is uncertain, the plugin stays, which costs one small file. */
function isPluginNeeded(path: string, { names, files }: KubeletView): boolean {
  if (names === undefined) return true;
  const plugin = basename(path);
  const configs = names.isRunning ? names.configs : [DEFAULT_PATHS.config, ...names.configs];
  const texts = configs.flatMap((named) =>
    [named, ...pathsIn(named, files)].map((file) => textOf(files.readText(file)) ?? ""),
  );
  if (!texts.some((text) => text.includes(plugin))) return false;
  // Another folder has its own plugin, unless that is a link to ours.
  const isHere = (folder: string): boolean => {
    const target = files.readLink(join(folder, plugin));
    return files.resolve(folder) === files.resolve(dirname(path)) || ("value" in target && target.value === path);
  };
  return (names.binDirs.length === 0 ? [DEFAULT_PATHS.binDir] : names.binDirs).some(isHere);
}
