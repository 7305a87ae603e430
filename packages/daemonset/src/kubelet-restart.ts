/**
 * Restarts the node's kubelet, with or without our flags: cordon, wait until no pod is starting, change the flags, restart, wait until
 * the node is Ready, uncordon. If the node does not become Ready, flags that were added are removed again.
 */
import type { KubeletFiles } from "@ocir-broker/protocol/node-result";
import type { Cluster, NodeObject } from "./cluster.ts";
import type { Outcome } from "./node-command.ts";
import type { NodeProgram } from "./node-program.ts";
import { cordonPatch } from "./node-state.ts";

export type RestartResult =
  | { readonly kind: "restarted" }
  /** Pods kept starting; nothing was changed. */
  | { readonly kind: "busy" }
  | { readonly kind: "failed"; readonly reason: string; readonly staysCordoned: boolean };

export interface RestartOptions {
  readonly cluster: Cluster;
  readonly program: Pick<NodeProgram, "addFlags" | "removeFlags" | "need" | "restartKubelet">;
  /** Limit of each of the waits. */
  readonly waitSeconds: number;
  nowSeconds(): number;
  /** Shows a failure in the node's metrics. Called before the restart, so that a retry does not hide the failure before it. */
  showFailed(isFailed: boolean): void;
  /** Waits a little and renews the Lease. */
  pause(): Promise<void>;
  say(text: string): void;
}

export interface RestartPlan {
  /** The change of the unit's files before the restart. */
  readonly flags: "add" | "remove" | "keep";
  /** The running kubelet must have read these after the restart; undefined if it must not use ocir-broker any more. */
  readonly files: KubeletFiles | undefined;
}

type Heartbeat = string | undefined;

export async function restartKubelet(plan: RestartPlan, options: RestartOptions): Promise<RestartResult> {
  const { cluster, say } = options;
  await cluster.patchNode(cordonPatch(true));
  say("cordoned: the kubelet is restarted once no pod of this node is starting");
  if (!(await within(options, async () => (await cluster.startingPods()).length === 0))) {
    await cluster.patchNode(cordonPatch(false));
    return { kind: "busy" };
  }
  // Before the change: after it, no failure of the API server may prevent the restoration.
  const before = heartbeatOf(await cluster.readNode());
  options.showFailed(true);
  const changed = await changeFlags(plan, options);
  if (changed !== undefined && !changed.ok) {
    await cluster.patchNode(cordonPatch(false));
    const reason = `the kubelet's flags cannot be ${plan.flags === "add" ? "added" : "removed"}: ${changed.reason}`;
    return { kind: "failed", reason, staysCordoned: false };
  }
  const isBack = await restartAndWatch(before, options);
  if (isBack && (await isAsPlanned(plan, options))) {
    options.showFailed(false);
    await cluster.patchNode(cordonPatch(false));
    say("the kubelet has restarted and the node is Ready: uncordoned");
    return { kind: "restarted" };
  }
  return giveBack(plan, isBack, before, options);
}

async function changeFlags({ flags, files }: RestartPlan, { program }: RestartOptions): Promise<Outcome | undefined> {
  if (flags === "add" && files !== undefined) return program.addFlags(files);
  return flags === "remove" ? program.removeFlags() : undefined;
}

function isAsPlanned({ files }: RestartPlan, { program }: RestartOptions): Promise<boolean> {
  if (files === undefined) return Promise.resolve(true);
  return program.need(files).then(
    ({ kind }) => kind === "nothing",
    () => false,
  );
}

/** Removes the flags that this program has added, so that the kubelet works as before. */
async function giveBack(
  plan: RestartPlan,
  isBack: boolean,
  before: Heartbeat,
  options: RestartOptions,
): Promise<RestartResult> {
  const removed = plan.flags === "add" ? await options.program.removeFlags() : undefined;
  const isReady = removed === undefined ? isBack : await restartAndWatch(before, options);
  if (isReady) await options.cluster.patchNode(cordonPatch(false));
  const what = isBack
    ? "the kubelet has restarted, but does not use ocir-broker"
    : `the node was not Ready ${options.waitSeconds} s after the restart of its kubelet`;
  const reason = `${what}${flagsAfter(removed)}${isReady ? "" : "; it stays cordoned"}: journalctl -u kubelet`;
  return { kind: "failed", reason, staysCordoned: !isReady };
}

function flagsAfter(removed: Outcome | undefined): string {
  if (removed === undefined) return "";
  return removed.ok
    ? "; the flags that were added are removed"
    : `; the flags that were added cannot be removed (${removed.reason})`;
}

/** @param known an earlier heartbeat, in case the API server does not respond. */
async function restartAndWatch(known: Heartbeat, options: RestartOptions): Promise<boolean> {
  const { cluster, program } = options;
  // The kubelet before the restart may have sent another one meanwhile.
  const before = await cluster.readNode().then(heartbeatOf, () => known);
  try {
    await program.restartKubelet();
  } catch {
    return false;
  }
  return within(options, async () => {
    const node = await cluster.readNode();
    return isReady(node) && heartbeatOf(node) !== before;
  });
}

/** A request may fail meanwhile, for example while the kubelet of a control plane's node restarts. */
async function within(options: RestartOptions, isSo: () => Promise<boolean>): Promise<boolean> {
  const endSeconds = options.nowSeconds() + options.waitSeconds;
  for (;;) {
    if (await isSo().catch(() => false)) return true;
    if (options.nowSeconds() >= endSeconds) return false;
    await options.pause();
  }
}

function readyCondition(node: NodeObject) {
  return node.status?.conditions?.find(({ type }) => type === "Ready");
}

function isReady(node: NodeObject): boolean {
  return readyCondition(node)?.status === "True";
}

/** A kubelet sends a heartbeat when it has started. Only compared for equality, because the clocks may differ. */
function heartbeatOf(node: NodeObject): Heartbeat {
  return readyCondition(node)?.lastHeartbeatTime;
}
