/**
 * Restores what `connect` has changed, in the reverse order: the flags, then the configuration, then the plugins. What a kubelet still
 * names stays, in a form with which it starts.
 */
import { basename, dirname, join } from "node:path";
import { isConfigName } from "@ocir-broker/kubelet-config/reading/decode";
import { distrustOfAll } from "@ocir-broker/node/credential-provider-files";
import { detectKubelet } from "@ocir-broker/node/kubelet";
import { BIN_DIRECTORY_FLAG, CONFIG_FLAG, unitValues } from "@ocir-broker/node/kubelet-unit";
import { type NodeFiles, pathsIn, textOf } from "@ocir-broker/node/node-files";
import { PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { NodeRun } from "../node-run.ts";
import { changedPaths, type InstallationRecord } from "../run/record.ts";
import { applySteps, commit } from "../run/run.ts";
import type { Content, RestoreStep } from "../run/step.ts";
import { restoreAll, saveRestored } from "../run/undo.ts";
import type { NodeContext } from "../system/node-context.ts";
import { DEFAULT_PATHS, PLUGIN_FOLDER } from "./kubelet-paths.ts";
import { newConfig } from "./own-config.ts";
import { poolConfigAlone, poolConfigPaths } from "./pool-config.ts";

export interface RestoredFlags {
  /** Whether the kubelet's unit had flags of ours. */
  readonly had: boolean;
  /** False: systemd may still start the kubelet with them. */
  readonly areRestored: boolean;
}

/** The paths that a kubelet's next start will name: those in the files of its unit, and those of the running process. */
interface KubeletNames {
  /** A running kubelet does not need files that it does not name. */
  readonly isRunning: boolean;
  readonly configs: readonly string[];
  readonly binDirs: readonly string[];
}

/** Why a file stays, whatever the view. */
export function stillNamed({ names }: KubeletView): string {
  const named = names === undefined ? "may still name" : "still names";
  return `a kubelet ${named} it, and does not start without it. Once no kubelet names it, delete it`;
}

/** The paths that a kubelet names, and the files as they will be after the removal. Undefined paths: uncertain. */
export interface KubeletView {
  readonly names: KubeletNames | undefined;
  readonly files: NodeFiles;
}

/** @throws {InstallError} `restore` if a file cannot be restored; the others are. */
export async function disconnect(node: NodeRun, { isOnlyFlags }: { readonly isOnlyFlags: boolean }): Promise<void> {
  const flags = await restoreFlags(node);
  const isRestored = isOnlyFlags || (await restoreConnection(node, flags)).isRestored;
  saveRestored(node, isRestored && flags.areRestored, "disconnect it again");
  if (isOnlyFlags) return;
  const config = poolConfigAlone(node);
  await applySteps(node, config);
  commit(node);
  if (config.length > 0) await node.units.restartIfActive();
}

/** First, because the rest depends on what the kubelet still names afterwards. */
export async function restoreFlags(node: NodeRun): Promise<RestoredFlags> {
  const steps = flagSteps(node.record);
  if (steps.length === 0) return { had: false, areRestored: true };
  const areRestored = restoreAll(node, steps);
  // Without it, systemd starts the kubelet with the drop-in files as it has read them before.
  // Without a record, it is uncertain whether a running kubelet has its flags from us.
  return { had: node.isRecorded, areRestored: (await node.units.reload()) && areRestored };
}

/** The rest, after the flags. `needsPlugin` tells whether a kubelet does not start without this plugin. */
export async function restoreConnection(node: NodeRun, flags: RestoredFlags) {
  const { units, files } = node;
  const view = { files, names: flags.areRestored ? await readKubeletNames(node, flags.had) : undefined };
  const broker = brokerSteps(node.record);
  let isRestored = restoreAll(node, [...configSteps(node.record, view), ...broker]);
  if (broker.length > 0) await units.restartIfActive();
  // Decided by the present configuration.
  isRestored = restoreAll(node, kubeletPluginSteps(node.record, view)) && isRestored;
  return { needsPlugin: (path: string) => isPluginNeeded(path, view), isRestored };
}

export function flagSteps(record: InstallationRecord): RestoreStep[] {
  return changedPaths(record, "kubelet-flags").map((path) => ({ name: "kubelet-flags", path }));
}

export function configSteps(record: InstallationRecord, view: KubeletView): RestoreStep[] {
  return changedPaths(record, "kubelet-configuration").map((path) => ({
    name: "kubelet-configuration",
    path,
    instead: insteadOf(path, view),
  }));
}

/** None if the file is the pool's, which stays until the removal. */
export function brokerSteps(record: InstallationRecord): RestoreStep[] {
  if (poolConfigPaths(record).length > 0) return [];
  return changedPaths(record, "broker-configuration").map((path) => ({ name: "broker-configuration", path }));
}

export function kubeletPluginSteps(record: InstallationRecord, view: KubeletView): RestoreStep[] {
  return changedPaths(record, "kubelet-plugin").map((path) => {
    const content = { kind: "link", target: `${PLUGIN_FOLDER}/${basename(path)}` } as const;
    const instead = isPluginNeeded(path, view) ? { content, why: stillNamed(view) } : undefined;
    return { name: `kubelet-plugin-${basename(path)}`, path, instead };
  });
}

/**
 * Undefined if it is uncertain: a user other than root can change one of the paths.
 *
 * @param ignoresProcess the running kubelet has its flags from us, and they are removed from its unit: its next start does not get them.
 */
export async function readKubeletNames(
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

/**
 * The configuration that replaces one which a kubelet still names. It must not name the plugin for service accounts, because the
 * token exchange is removed from the broker's configuration.
 */
function insteadOf(path: string, view: KubeletView): RestoreStep["instead"] {
  const { files } = view;
  if (!isConfigNeeded(path, view)) return undefined;
  const text = textOf(files.readText(path)) ?? "";
  if (!text.includes(SERVICE_ACCOUNT_PLUGIN_NAME)) return { content: textContent(text), why: stillNamed(view) };
  return {
    content: textContent(newConfig()),
    why:
      `${stillNamed(view)}. It has the credential provider ${PLUGIN_NAME} instead of ${SERVICE_ACCOUNT_PLUGIN_NAME}: ` +
      "restart the kubelet",
  };
}

function textContent(text: string): Content {
  return { kind: "text", text, mode: 0o644 };
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
export function isPluginNeeded(path: string, { names, files }: KubeletView): boolean {
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
