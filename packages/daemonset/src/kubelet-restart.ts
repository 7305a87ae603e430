/**
 * Restarts the node's kubelet: cordon, wait until no pod is starting, restart, wait until the node is Ready, uncordon. If the node
 * does not become Ready, the old flags are restored.
 */
import type { V1Node } from "@kubernetes/client-node";
import type { Cluster } from "./cluster.ts";
import type { KubeletNeed } from "./kubelet-need.ts";
import type { KubeletUnit, Restore } from "./kubelet-unit.ts";
import { cordonPatch } from "./node-state.ts";

export type RestartResult =
  | { readonly kind: "restarted" }
  /** Pods kept starting; nothing was changed. */
  | { readonly kind: "busy" }
  | { readonly kind: "failed"; readonly reason: string; readonly staysCordoned: boolean };

interface RestartOptions {
  readonly cluster: Cluster;
  readonly unit: KubeletUnit;
  /** Limit of each of the waits. */
  readonly waitSeconds: number;
  nowSeconds(): number;
  /** Shows a failure in the node's metrics. Called before the restart, so that a retry does not hide the failure before it. */
  showFailed(isFailed: boolean): void;
  /** Waits a little and renews the Lease. */
  pause(): Promise<void>;
  say(text: string): void;
}

type Heartbeat = number | undefined;
export type Restartable = Extract<KubeletNeed, { kind: "restart" | "flags" }>;

export async function restartKubelet(need: Restartable, options: RestartOptions): Promise<RestartResult> {
  const { cluster, unit, say } = options;
  await cluster.patchNode(cordonPatch(true));
  say("cordoned: the kubelet restarts when no pod of this node is starting");
  if (!(await within(options, async () => (await cluster.startingPods()).length === 0))) {
    await cluster.patchNode(cordonPatch(false));
    return { kind: "busy" };
  }
  // Before the change: after it, no failure of the API server may prevent the restoration.
  const before = heartbeatOf(await cluster.readNode());
  options.showFailed(true);
  let restore: Restore | undefined;
  try {
    if (need.kind === "flags") restore = await unit.change(need.change);
  } catch (error) {
    await cluster.patchNode(cordonPatch(false));
    return {
      kind: "failed",
      reason: `the kubelet's flags cannot be added: ${error instanceof Error ? error.message : error}`,
      staysCordoned: false,
    };
  }
  const isBack = await restartAndWatch(before, options);
  const isDone = isBack && (await usesBroker(need, options));
  if (isDone) {
    options.showFailed(false);
    await cluster.patchNode(cordonPatch(false));
    say("the kubelet has restarted and the node is Ready: uncordoned");
    return { kind: "restarted" };
  }
  return giveBack(restore, isBack, before, options);
}

function usesBroker({ files }: Restartable, { unit }: RestartOptions): Promise<boolean> {
  return unit.need(files).then(
    ({ kind }) => kind === "nothing",
    () => false,
  );
}

/** Removes the flags that this program has added, so that the kubelet works as before. */
async function giveBack(
  restore: Restore | undefined,
  isBack: boolean,
  before: Heartbeat,
  options: RestartOptions,
): Promise<RestartResult> {
  await restore?.();
  const isReady = restore === undefined ? isBack : await restartAndWatch(await newer(before, options), options);
  if (isReady) await options.cluster.patchNode(cordonPatch(false));
  const what = isBack
    ? "the kubelet has restarted, but does not use ocir-broker"
    : `the node was not Ready ${options.waitSeconds} s after the restart of its kubelet`;
  const then = restore !== undefined ? "; the flags that were added are removed" : "";
  const reason = `${what}${then}${isReady ? "" : "; it stays cordoned"}: journalctl -u kubelet`;
  return { kind: "failed", reason, staysCordoned: !isReady };
}

/** The Node's heartbeat, or `known` if the API server does not answer. */
function newer(known: Heartbeat, { cluster }: RestartOptions): Promise<Heartbeat> {
  return cluster.readNode().then(heartbeatOf, () => known);
}

async function restartAndWatch(before: Heartbeat, options: RestartOptions): Promise<boolean> {
  const { cluster, unit } = options;
  try {
    await unit.restart();
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

function readyCondition(node: V1Node) {
  return node.status?.conditions?.find(({ type }) => type === "Ready");
}

function isReady(node: V1Node): boolean {
  return readyCondition(node)?.status === "True";
}

/** A kubelet sends a heartbeat when it has started. Only compared for equality, because the clocks may differ. */
function heartbeatOf(node: V1Node): Heartbeat {
  return readyCondition(node)?.lastHeartbeatTime?.getTime();
}
