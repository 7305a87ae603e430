/** The work of `ocir-broker node install|connect|disconnect|remove|status`, each as one run. */
import { detectKubelet } from "@ocir-broker/node/kubelet";
import { removalAdvice } from "@ocir-broker/node/kubelet-advice";
import { kubeletNeed, readKubeletUse } from "@ocir-broker/node/kubelet-need";
import type { KubeletFiles, NodeResult } from "@ocir-broker/protocol/node-result";
import { dryRun } from "./dry-run.ts";
import { type InstallCommand, installSteps, isWhole, leaveToPackage, packageOwner } from "./install.ts";
import { InstallError, installErrorOf } from "./install-error.ts";
import { METRICS_FOLDER, PROGRAM } from "./installed-files.ts";
import { connection } from "./kubelet/connect.ts";
import { disconnect } from "./kubelet/disconnect.ts";
import type { ConnectOptions } from "./kubelet/kubelet-paths.ts";
import { readKubeletPaths } from "./kubelet/kubelet-paths.ts";
import { hasSettings } from "./kubelet/pool-config.ts";
import { createNodeRun, type NodeRun } from "./node-run.ts";
import { adoptRecognised, recognise } from "./recognise.ts";
import { leftWithoutRecord, remove } from "./remove.ts";
import { CHANGE_KINDS, type ChangeKind } from "./run/change-kind.ts";
import { changedPaths, isFromArchive, RECORD, readRecord } from "./run/record.ts";
import { applySteps, commit } from "./run/run.ts";
import { isChange, stateIfAny } from "./run/run-state.ts";
import { runOnNode } from "./run-on-node.ts";
import { isDisabled, type NodeContext } from "./system/node-context.ts";

/** The metric of a script's failed installation; a success removes it. */
const FAILURE_METRIC = `${METRICS_FOLDER}/ocir_broker_install.prom`;

const NOT_INSTALLED =
  "ocir-broker is not installed on this node: run install.sh of the archive, or, with a package, ocir-broker node install";

const LOST = `${RECORD} is missing: install again, which records our files, or run ocir-broker node remove`;

const INTERRUPTED = "a run was interrupted: install again, or run ocir-broker node remove --unfinished";

export function installNode(context: NodeContext, signal: AbortSignal, command: InstallCommand): Promise<NodeResult> {
  return runOnNode(context, signal, async (node, rolledBack) => {
    const { from, connect } = command;
    if (from === undefined && rolledBack.includes(PROGRAM))
      throw new InstallError("unfinished", "an installation was interrupted: run it again from the archive");
    if (connect !== undefined) expectEnabled(node);
    await expectValid(node, command);
    await adoptRecognised(node);
    if (from === undefined && isFromArchive(node.record) && isWhole(node)) await leaveToPackage(node);
    await applySteps(node, await installSteps(node, command));
    const result = connect === undefined ? {} : await applyConnection(node, connect);
    commit(node, node.version);
    node.disk.clear(FAILURE_METRIC);
    return withNeed(node, result);
  });
}

export function connectNode(context: NodeContext, signal: AbortSignal, options: ConnectOptions): Promise<NodeResult> {
  return runOnNode(context, signal, async (node) => {
    if (node.record.version === undefined) throw new InstallError("unfinished", await whyNotInstalled(node));
    const result = await applyConnection(node, options);
    commit(node);
    return withNeed(node, result);
  });
}

export function disconnectNode(
  context: NodeContext,
  signal: AbortSignal,
  options: { readonly isOnlyFlags: boolean },
): Promise<NodeResult> {
  return runOnNode(context, signal, async (node) => {
    // Only the record says what was changed for the kubelet.
    if (!node.isRecorded && (await whyNotInstalled(node)) === LOST) throw new InstallError("unfinished", LOST);
    const adviseRestart = await watchKubelet(node);
    await disconnect(node, options);
    await adviseRestart();
    return {};
  });
}

/** @param options `isUnfinished`: only rolls an unfinished run back. */
export async function removeNode(
  context: NodeContext,
  signal: AbortSignal,
  { isUnfinished }: { readonly isUnfinished: boolean },
): Promise<NodeResult> {
  const result = await runOnNode(context, signal, async (node, rolledBack) => {
    const adviseRestart = await watchKubelet(node);
    const isPackage = !isUnfinished && (await remove(node));
    if (!isUnfinished || rolledBack.length > 0) await adviseRestart();
    return isPackage ? { isPackage } : {};
  });
  return result.code === "record" ? { ...result, left: await leftWithoutRecord(context) } : result;
}

/** Changes nothing. Each file changed for the kubelet is a step: `done` if it is as we have written it, else `changed since`. */
export async function statusOfNode(node: NodeContext): Promise<NodeResult> {
  const record = readRecord(node.disk);
  const { version, pending } = record;
  const shown = (Object.keys(CHANGE_KINDS) as ChangeKind[]).filter((kind) => CHANGE_KINDS[kind].isShown);
  const steps = changedPaths(record, ...shown).map((path) => {
    const isOurs = node.disk.stateOf(path) === record.files[path]?.written;
    return { name: path, state: isOurs ? ("done" as const) : ("changed since" as const) };
  });
  const unfinished = (reason: string) => ({ ok: false, code: "unfinished", reason, version: node.version, steps });
  if (pending !== undefined) return unfinished(INTERRUPTED);
  if (version === undefined) return unfinished(await whyNotInstalled(node));
  const [flagsIn] = changedPaths(record, "kubelet-flags");
  const result = { ok: true, version, steps, ...(flagsIn !== undefined && { flagsIn }) };
  const status = await withNeed(node, { ...result, flags: await readKubeletPaths(node) });
  if (status.kubelet?.kind !== "nothing" || status.kubelet.isStopped || !(await isOutdated(node))) return status;
  return { ...status, kubelet: { kind: "outdated" } };
}

async function whyNotInstalled(node: NodeContext): Promise<string> {
  const { files } = readRecord(node.disk);
  const ours = Object.entries(files).filter(([path, { written }]) => stateIfAny(node.disk, path) === written);
  if (ours.some(([, { kind }]) => kind === "program" || kind === "command"))
    return "a removal has not ended: run ocir-broker node remove again, or install again";
  const found = node.disk.isThere(RECORD) ? {} : (await recognise(node)).files;
  return Object.keys(found).length > 0 ? LOST : NOT_INSTALLED;
}

/** Whether `node connect` would change a file. False if it would fail. */
async function isOutdated(context: NodeContext): Promise<boolean> {
  const { minor } = (await detectKubelet(context.files, context.runProgram)) ?? {};
  if (minor === undefined) return false;
  const node = createNodeRun({ ...context, say() {} });
  const { steps } = await connection(node, { kubeletVersion: `1.${minor}` }).catch(() => ({ steps: [] }));
  return steps.some((step) => step.kind === "file" && isChange(node.disk, step));
}

/** Each step, and each file as a diff against this node. Changes nothing. */
export async function describeSteps(
  context: NodeContext,
  { install, connect = install?.connect }: { readonly install?: InstallCommand; readonly connect?: ConnectOptions },
): Promise<string> {
  const node = createNodeRun(context);
  if (install !== undefined) await expectValid(node, install);
  const steps = [
    ...(install === undefined ? [] : await installSteps(node, install)),
    ...(connect === undefined ? [] : (await connection(node, connect)).steps),
  ];
  const first = node.record.pending === undefined ? "" : "an unfinished run would be rolled back first\n";
  return first + dryRun(node.disk, steps);
}

function expectEnabled(node: NodeContext): void {
  if (!isDisabled(node)) return;
  throw new InstallError(
    "switched-off",
    "ocir-broker is switched off on this node: run ocir-broker enable, then this again",
  );
}

/** A package, whose programs are unpacked already, reports an invalid configuration and does not fail. */
async function expectValid(node: NodeRun, { from, connect, given, checkConfig }: InstallCommand): Promise<void> {
  try {
    if (given !== undefined) checkConfig(given);
    if (given === undefined || !hasSettings(given)) checkConfig();
  } catch (error) {
    const reason = `the configuration has errors: ${error instanceof Error ? error.message : String(error)}`;
    const isPackage =
      (from ?? connect ?? given) === undefined &&
      (!isFromArchive(node.record) || (await packageOwner(node)) !== undefined);
    if (!isPackage) throw new InstallError("config", reason, { cause: error });
    node.say(reason);
  }
}

async function applyConnection(node: NodeRun, options: ConnectOptions): Promise<{ flags: KubeletFiles }> {
  const { steps, paths } = await connection(node, options);
  try {
    await applySteps(node, steps);
  } catch (error) {
    const { code, message } = installErrorOf(error);
    throw new InstallError(code === "install" ? "connect" : code, message, { cause: error });
  }
  return { flags: paths };
}

/** @returns prints whether the kubelet must be restarted after the change. */
async function watchKubelet(node: NodeRun): Promise<() => Promise<void>> {
  const paths = await readKubeletPaths(node);
  const hadFlags = changedPaths(node.record, "kubelet-flags").length > 0;
  return async () => {
    const use = await readKubeletUse(paths, node.files, node.runProgram);
    removalAdvice(use, hadFlags).forEach(node.say);
  };
}

/** Adds what the kubelet needs. */
async function withNeed<Result extends Pick<NodeResult, "flags">>(
  node: NodeContext,
  result: Result,
): Promise<Result & Pick<NodeResult, "kubelet">> {
  if (result.flags === undefined) return result;
  const use = await readKubeletUse(result.flags, node.files, node.runProgram);
  const hadFlags = changedPaths(readRecord(node.disk), "kubelet-flags").length > 0;
  return { ...result, kubelet: kubeletNeed(use, hadFlags) };
}
