/** The work of `ocir-broker node install|connect|disconnect|remove|status`, each as one run. */
import type { KubeletFiles, NodeResult } from "@ocir-broker/protocol/node-result";
import { dryRun } from "./dry-run.ts";
import { installSteps } from "./install.ts";
import { InstallError, installErrorOf } from "./install-error.ts";
import { PROGRAM } from "./installed-files.ts";
import { type ConnectOptions, readKubeletPaths } from "./kubelet/connect-facts.ts";
import { connectedFiles, connection, flagsFileOf, needOfKubelet } from "./kubelet/connection.ts";
import { isDisabled, type NodeContext } from "./node-context.ts";
import { type NodeRun, runOnNode } from "./node-run.ts";
import { readRecord } from "./record.ts";
import { disconnect, leftWithoutRecord, remove } from "./remove.ts";
import { createRun } from "./run.ts";
import { createUnits } from "./units.ts";

export interface InstallCommand {
  /** The folder of the unpacked archive. */
  readonly from: string | undefined;
  /** Also connects the kubelet. */
  readonly connect: ConnectOptions | undefined;
  /** Checks the broker's configuration. @throws {Error} */
  readonly checkConfig: () => Promise<void>;
}

/** Of a script's failed installation; a successful one ends it. */
const FAILURE_METRIC = "/run/ocir-broker-metrics/ocir_broker_install.prom";

export function installNode(node: NodeContext, signal: AbortSignal, command: InstallCommand): Promise<NodeResult> {
  return runOnNode(node, signal, async ({ run, units, rolledBack }) => {
    const { from, connect } = command;
    if (from === undefined && rolledBack.includes(PROGRAM))
      throw new InstallError("unfinished", "an installation was interrupted: run it again from the archive");
    if (connect !== undefined) await expectUsable(node, command);
    await run.apply(await installSteps(node, { run, units }, { from, isStrict: connect !== undefined }));
    const result: Partial<NodeResult> =
      connect === undefined ? {} : await applyConnection(node, { run, units }, connect);
    run.commit(node.version);
    node.disk.remove(FAILURE_METRIC);
    return { ...result, ...(await needOf(node, result.flags)) };
  });
}

export function connectNode(node: NodeContext, signal: AbortSignal, options: ConnectOptions): Promise<NodeResult> {
  return runOnNode(node, signal, async ({ run, units }) => {
    if (run.record().version === undefined)
      throw new InstallError("unfinished", "ocir-broker is not installed on this node");
    const result = await applyConnection(node, { run, units }, options);
    run.commit();
    return { ...result, ...(await needOf(node, result.flags)) };
  });
}

export function disconnectNode(
  node: NodeContext,
  signal: AbortSignal,
  options: { readonly isOnlyFlags: boolean },
): Promise<NodeResult> {
  return runOnNode(node, signal, async (nodeRun) => {
    await disconnect(node, nodeRun, options);
    return {};
  });
}

/** @param options `isUnfinished`: only rolls an unfinished run back. */
export async function removeNode(
  node: NodeContext,
  signal: AbortSignal,
  { isUnfinished }: { readonly isUnfinished: boolean },
): Promise<NodeResult> {
  const result = await runOnNode(node, signal, async (nodeRun) => {
    if (!isUnfinished) await remove(node, nodeRun);
    return {};
  });
  return result.code === "record" ? { ...result, left: leftWithoutRecord(node) } : result;
}

/** Changes nothing. Each changed file of the kubelet's is a step: `done` if it is as we have written it. */
export async function statusOfNode(node: NodeContext): Promise<NodeResult> {
  const record = readRecord(node.disk);
  const { version, pending } = record;
  const steps = connectedFiles(node, record).map(({ path }) => {
    const isOurs = node.disk.stateOf(path) === record.files[path]?.written;
    return { name: path, state: isOurs ? ("done" as const) : ("failed" as const) };
  });
  if (version === undefined || pending !== undefined) {
    const reason =
      pending === undefined
        ? "ocir-broker is not installed on this node"
        : "a run was interrupted: install again, or run ocir-broker node remove --unfinished";
    return { ok: false, code: "unfinished", reason, version: node.version, steps };
  }
  const paths = await readKubeletPaths(node);
  const flagsIn = flagsFileOf(node, record);
  return {
    ok: true,
    version,
    steps,
    flags: paths,
    ...(flagsIn === undefined ? {} : { flagsIn }),
    ...(await needOf(node, paths)),
  };
}

/** Each step, and each file as a diff against this node. Changes nothing. */
export async function describeSteps(
  node: NodeContext,
  signal: AbortSignal,
  {
    install,
    connect,
  }: { readonly install?: { readonly from: string | undefined }; readonly connect: ConnectOptions | undefined },
): Promise<string> {
  const run = createRun({ disk: node.disk, signal, say: node.say });
  const units = createUnits(node);
  const steps = [
    ...(install === undefined ? [] : await installSteps(node, { run, units }, { ...install, isStrict: true })),
    ...(connect === undefined ? [] : (await connection(node, units, run.record(), connect)).steps),
  ];
  return `${run.isPending() ? "an unfinished run would be rolled back first\n" : ""}${dryRun(node.disk, steps)}`;
}

async function expectUsable(node: NodeContext, { checkConfig }: InstallCommand): Promise<void> {
  if (isDisabled(node))
    throw new InstallError(
      "switched-off",
      "ocir-broker is switched off on this node: run ocir-broker enable, then this again",
    );
  try {
    await checkConfig();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InstallError("config", `the configuration has errors: ${reason}`, { cause: error });
  }
}

async function applyConnection(
  node: NodeContext,
  { run, units }: Pick<NodeRun, "run" | "units">,
  options: ConnectOptions,
): Promise<{ flags: KubeletFiles }> {
  const { steps, paths } = await connection(node, units, run.record(), options);
  try {
    await run.apply(steps);
  } catch (error) {
    const { code, message } = installErrorOf(error);
    throw new InstallError(code === "install" ? "connect" : code, message, { cause: error });
  }
  return { flags: paths };
}

async function needOf(node: NodeContext, paths: KubeletFiles | undefined): Promise<Pick<NodeResult, "kubelet">> {
  const kubelet = paths === undefined ? undefined : await needOfKubelet(node, paths);
  return kubelet === undefined ? {} : { kubelet };
}
