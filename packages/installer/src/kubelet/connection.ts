/** Reads the facts for the steps that connect the kubelet and disconnect it, from the node and from the record. */
import { bootedAtMs } from "@ocir-broker/foundation/time/clock";
import { kubeletNeed, readKubeletUse } from "@ocir-broker/node/kubelet-need";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import type { KubeletFiles, KubeletNeed } from "@ocir-broker/protocol/node-result";
import { InstallError } from "../install-error.ts";
import { COMMAND_LINKS, PLUGIN_LINKS } from "../installed-files.ts";
import { readInstanceMetadata } from "../instance-metadata.ts";
import type { NodeContext } from "../node-context.ts";
import type { Entry, InstallationRecord } from "../record.ts";
import type { Run } from "../run.ts";
import type { Step } from "../step.ts";
import type { Units } from "../units.ts";
import { type ConnectOptions, readConnectFacts } from "./connect-facts.ts";
import { connectSteps, type KubeletActions } from "./connect-steps.ts";
import {
  type ConnectedFile,
  type Disconnection,
  disconnection,
  flagsDisconnection,
  flagsFiles,
} from "./disconnect-steps.ts";
import { readKubeletNames } from "./kubelet-names.ts";

/** Of a node whose kubelet does not say its version. */
const METADATA_LIMIT_MS = 30_000;

export interface Connection {
  readonly paths: KubeletFiles;
  readonly steps: readonly Step[];
}

/** @throws {InstallError} */
export async function connection(
  node: NodeContext,
  units: Units,
  record: InstallationRecord,
  options: ConnectOptions,
): Promise<Connection> {
  const { clock, metadataUrl: baseUrl, root, runProgram } = node;
  const facts = await readConnectFacts(options, {
    root,
    runProgram,
    bootedAtMs: bootedAtMs(),
    versionOfMetadata: () =>
      readInstanceMetadata("/instance/metadata/oke-k8version", { clock, baseUrl, limitMs: METADATA_LIMIT_MS }),
    originalOf: (path) => {
      const entry = ownEntry(node, record, path);
      return entry === undefined ? undefined : (originalText(node, entry) ?? "");
    },
  });
  return { paths: facts.paths, steps: connectSteps(facts, actionsOf(units)) };
}

/** What the running kubelet needs; undefined if none runs. */
export async function needOfKubelet(
  { root, runProgram }: NodeContext,
  paths: KubeletFiles,
): Promise<KubeletNeed | undefined> {
  const use = await readKubeletUse(paths, { files: createNodeFiles(root), runProgram, bootedAtMs: bootedAtMs() });
  return use.process === undefined ? undefined : kubeletNeed(use);
}

/** Restores what `connect` has changed, except the flags, which are restored first. */
export async function disconnectionOf(
  node: NodeContext,
  units: Units,
  record: InstallationRecord,
  flags: RestoredFlags,
): Promise<Disconnection> {
  const { root, runProgram } = node;
  const names = flags.areRestored ? await readKubeletNames({ root, runProgram, ignoresProcess: flags.had }) : undefined;
  return disconnection(
    { connected: connectedFiles(node, record), files: createNodeFiles(root), names },
    actionsOf(units),
  );
}

export interface RestoredFlags {
  /** Whether the kubelet's unit had flags of ours. */
  readonly had: boolean;
  /** False: systemd may still start the kubelet with them. */
  readonly areRestored: boolean;
}

export async function restoreFlags(node: NodeContext, run: Run, units: Units): Promise<RestoredFlags> {
  const facts = { connected: connectedFiles(node, run.record()), files: createNodeFiles(node.root) };
  const steps = flagsDisconnection(facts, actionsOf(units));
  return { had: steps.length > 0, areRestored: await run.restoreAll(steps) };
}

/** The file of the kubelet's unit to which the flags were added; undefined if they were not. */
export function flagsFileOf(node: NodeContext, record: InstallationRecord): string | undefined {
  return flagsFiles({ connected: connectedFiles(node, record), files: createNodeFiles(node.root) })[0]?.path;
}

/** The paths that `connect` has changed: all except the programs and the names in /usr/local. */
export function connectedFiles(node: NodeContext, { files }: InstallationRecord): ConnectedFile[] {
  const ownNames = new Set([...Object.keys(COMMAND_LINKS), ...Object.keys(PLUGIN_LINKS)]);
  return Object.entries(files)
    .filter(([path, { isProgram }]) => !isProgram && !ownNames.has(path))
    .map(([path, entry]) => ({ path, original: originalText(node, entry) }));
}

/** Undefined if the file is not as we have written it. */
function ownEntry({ disk }: NodeContext, { files }: InstallationRecord, path: string): Entry | undefined {
  const entry = files[path];
  return entry !== undefined && disk.stateOf(path) === entry.written ? entry : undefined;
}

function originalText({ disk }: NodeContext, { original, saved }: Entry): string | undefined {
  if (saved !== undefined) return disk.read(saved)?.toString() ?? "";
  return original === "absent" ? undefined : "";
}

function actionsOf(units: Units): KubeletActions {
  return {
    restartDaemon: units.restartIfActive,
    async reloadUnits() {
      if (!(await units.reload())) throw new InstallError("connect", "systemd does not read the kubelet's unit again");
    },
  };
}
