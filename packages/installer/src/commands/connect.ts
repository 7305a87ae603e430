/** `node connect` and `node disconnect`: the kubelet's files, and what the kubelet needs afterwards. */
import { removalAdvice } from "@ocir-broker/node/kubelet-advice";
import { kubeletNeed, readKubeletUse } from "@ocir-broker/node/kubelet-need";
import type { KubeletFiles, NodeResult } from "@ocir-broker/protocol/node-result";
import { type Change, CONNECTION_KINDS } from "../change.ts";
import { InstallError, installErrorOf } from "../install-error.ts";
import { brokerChange, configBelow, poolConfig } from "../kubelet/broker-config.ts";
import { connection } from "../kubelet/connect.ts";
import { type ConnectOptions, readKubeletPaths } from "../kubelet/kubelet-paths.ts";
import { type Restoration, restoration } from "../kubelet/restoration.ts";
import { type NodeRun, runOnNode } from "../node-run.ts";
import type { NodeContext } from "../system/node-context.ts";
import { expectInstalled } from "./expectations.ts";

export function connectNode(context: NodeContext, signal: AbortSignal, options: ConnectOptions): Promise<NodeResult> {
  return runOnNode(context, signal, async (node) => {
    expectInstalled(node);
    return withNeed(node, await applyConnection(node, options));
  });
}

export async function applyConnection(node: NodeRun, options: ConnectOptions): Promise<{ flags: KubeletFiles }> {
  const { paths, before, after } = await connection(node, options);
  const isFirst = node.copies.paths(...CONNECTION_KINDS).length === 0;
  try {
    await node.step();
    const isBrokerNew = before.some((each) => each.kind === "broker-configuration" && node.copies.isChange(each));
    node.change(before);
    if (isBrokerNew) await node.units.restartIfActive();
    await node.step();
    node.change(after);
  } catch (error) {
    const { code, message } = installErrorOf(error);
    if (isFirst) await takeBack(node);
    throw new InstallError(code === "install" ? "connect" : code, message, { cause: error });
  }
  return { flags: paths };
}

/** A kubelet that was connected before starts with what is there, and is connected again by the next run. */
async function takeBack(node: NodeRun): Promise<void> {
  const restored = await restoration(node, "connect");
  await restoreFlags(node, restored);
  await restoreConnection(node, restored);
}

export function disconnectNode(
  context: NodeContext,
  signal: AbortSignal,
  { isOnlyFlags }: { readonly isOnlyFlags: boolean },
): Promise<NodeResult> {
  return runOnNode(context, signal, async (node) => {
    const adviseRestart = await watchKubelet(node);
    const restored = await restoration(node, "connect");
    await restoreFlags(node, restored);
    if (!isOnlyFlags) await restoreConnection(node, restored);
    await adviseRestart();
    return {};
  });
}

/** Without a daemon-reload, systemd starts the kubelet with the files as it has read them before. @throws {InstallError} `restore` */
export async function restoreFlags(node: NodeRun, { flags }: Restoration): Promise<void> {
  node.restore(["kubelet-flags"], flags);
  if (await node.units.reload()) return;
  throw new InstallError(
    "restore",
    "systemd may still start the kubelet with our flags: correct the error above, and run this again",
  );
}

/** After the flags. The plugins go last, because the configuration names them. */
export async function restoreConnection(node: NodeRun, restored: Restoration): Promise<void> {
  node.restore(["kubelet-configuration"], restored.configs);
  node.restore(restored.kinds.broker, restored.broker);
  const isPoolsAlone = node.change(poolAlone(node));
  if (restored.broker.length > 0 || isPoolsAlone) await node.units.restartIfActive();
  node.restore(restored.kinds.plugins, restored.plugins);
}

/** @returns prints whether the kubelet must be restarted after the change. */
export async function watchKubelet(node: NodeRun): Promise<() => Promise<void>> {
  const paths = await readKubeletPaths(node);
  const hadFlags = node.copies.paths("kubelet-flags").length > 0;
  return async () => {
    const use = await readKubeletUse(paths, node.files, node.runProgram);
    removalAdvice(use, hadFlags).forEach(node.say);
  };
}

/** Adds what the kubelet needs. */
export async function withNeed<Result extends Pick<NodeResult, "flags">>(
  node: NodeRun,
  result: Result,
): Promise<Result & Pick<NodeResult, "kubelet">> {
  if (result.flags === undefined) return result;
  const use = await readKubeletUse(result.flags, node.files, node.runProgram);
  return { ...result, kubelet: kubeletNeed(use, node.copies.paths("kubelet-flags").length > 0) };
}

/** The pool's configuration stays until the removal. */
function poolAlone(node: NodeRun): Change[] {
  const pool = poolConfig(node);
  return pool !== undefined && configBelow(node) === pool ? [brokerChange(node, pool, pool)] : [];
}
