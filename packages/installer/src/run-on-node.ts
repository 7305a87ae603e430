/** One run of a node command: takes the lock, rolls an unfinished run back first, and rolls this one back if it fails. */
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { packagedOf, packageOwner } from "./install.ts";
import { InstallError, installErrorOf } from "./install-error.ts";
import { CONFIG_FOLDER, PROGRAM, RUNTIME_FOLDERS } from "./installed-files.ts";
import { isPluginNeeded, readKubeletNames, stillNamed } from "./kubelet/disconnect.ts";
import { createNodeRun, type NodeRun } from "./node-run.ts";
import { doNothing } from "./remove.ts";
import { CHANGE_KINDS } from "./run/change-kind.ts";
import { linkTargetOf } from "./run/disk.ts";
import { RECORD } from "./run/record.ts";
import { hasChangedDaemon } from "./run/run.ts";
import { type RunState, save, stateIfAny } from "./run/run-state.ts";
import { leave, rollBackFiles } from "./run/undo.ts";
import { withLock } from "./system/lock.ts";
import type { NodeContext } from "./system/node-context.ts";

/**
 * Never rejects for an error of the node.
 *
 * @param work `rolledBack`: the paths of an unfinished run that was rolled back first.
 */
export async function runOnNode(
  context: NodeContext,
  signal: AbortSignal,
  work: (node: NodeRun, rolledBack: readonly string[]) => Promise<Partial<NodeResult>>,
): Promise<NodeResult> {
  const { version, say } = context;
  const failed = (error: unknown, run?: RunState): NodeResult => {
    const { code, message: reason } = installErrorOf(error);
    return { ok: false, code, reason, version, steps: run?.steps ?? [], ...leftOf(run) };
  };
  try {
    return await withLock(context, async () => {
      const node = createNodeRun(context, signal);
      // A rollback after its failure could delete a package's files.
      await leaveUnfinishedToPackage(node);
      try {
        const result = await work(node, await rollBack(node));
        return { ok: true, version, steps: node.steps, ...leftOf(node), ...result };
      } catch (error) {
        const isUpgrade = node.record.pending !== undefined && node.record.version !== undefined;
        await rollBack(node);
        if (isUpgrade) say("the previous version is restored");
        return failed(error, node);
      }
    });
  } catch (error) {
    return failed(error);
  }
}

/** A package that was installed after the run was interrupted has replaced its programs: a rollback leaves them. */
async function leaveUnfinishedToPackage(node: NodeRun): Promise<void> {
  const { pending } = node.record;
  if (pending?.files[PROGRAM] === undefined || (await packageOwner(node)) === undefined) return;
  const changes = Object.entries(pending.files);
  const programs = changes.flatMap(([path, { entry }]) => (entry.kind === "program" ? path : []));
  const packaged = await packagedOf(node, programs);
  for (const path of packaged) node.disk.tidy(path);
  const files = Object.fromEntries(changes.filter(([path]) => !packaged.has(path)));
  node.record = { ...node.record, pending: { ...pending, files } };
}

/** For a kubelet's configuration that somebody else has changed during the run, and that stays: the kubelet needs its plugins. */
async function keepPlugins(node: NodeRun): Promise<void> {
  const { pending, version } = node.record;
  if (pending === undefined) return;
  const view = { names: await readKubeletNames(node, false), files: node.files };
  const files = { ...pending.files };
  for (const [path, { previous, entry }] of Object.entries(pending.files)) {
    const target = linkTargetOf(stateIfAny(node.disk, path) ?? "absent");
    const isPlugin = entry.kind === "plugin" || entry.kind === "kubelet-plugin";
    if (previous !== "absent" || !isPlugin || target === undefined || !isPluginNeeded(path, view)) continue;
    delete files[path];
    node.record = { ...node.record, pending: { ...pending, files: { ...files } } };
    const isGone = version === undefined && entry.kind === "plugin";
    const instead = isGone ? doNothing(node.disk, path) : undefined;
    leave(node, path, entry, instead ?? { content: { kind: "link", target }, why: stillNamed(view) });
  }
}

/** @returns the paths that an unfinished run had changed. */
async function rollBack(node: NodeRun): Promise<readonly string[]> {
  const { disk, units, say } = node;
  const { pending } = node.record;
  if (pending === undefined) return rollBackFiles(node);
  const isDaemonChanged = hasChangedDaemon(node);
  // Otherwise systemd may start a kubelet with flags that name a configuration which is gone.
  if (rollBackFiles(node, ({ kind }) => CHANGE_KINDS[kind].readBy === "systemd").length > 0) await units.reload();
  rollBackFiles(node, ({ kind }) => kind === "kubelet-configuration");
  if (node.left.length > 0) await keepPlugins(node);
  const enables = pending.undo.includes("disable-units");
  if (enables) {
    // The kubelet's calls leave our plugin before the daemon's socket closes. The units' own files are needed to disable them.
    rollBackFiles(node, ({ kind }) => kind !== "program");
    await units.disable();
  }
  rollBackFiles(node);
  if (enables) {
    for (const folder of RUNTIME_FOLDERS) disk.clear(folder);
    disk.removeFolder(CONFIG_FOLDER);
  }
  await units.reload();
  if (!enables && isDaemonChanged && (await units.isWanted())) {
    const reason = await units.bringUp({ isChanged: true });
    if (reason !== undefined) say(reason);
  }
  try {
    save(node, node.record);
  } catch (error) {
    const { code, message } = installErrorOf(error);
    const next = "Once it can be written, run ocir-broker node remove --unfinished";
    throw new InstallError(code, `${RECORD}: ${message.replace(/\.?$/, ".")} ${next}`, { cause: error });
  }
  if (node.record.pending === undefined) say("an unfinished run is rolled back");
  return Object.keys(pending.files);
}

function leftOf(run: RunState | undefined): Pick<NodeResult, "left"> {
  const left = run?.left ?? [];
  return left.length === 0 ? {} : { left };
}
