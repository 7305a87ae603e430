/**
 * Restarts the node's kubelet, with or without our flags: cordon, wait until no pod is starting, uncordon, change the flags, restart,
 * wait until the node is Ready. If it does not become Ready, flags that were added are removed again. Each step is on the Node before it
 * begins. The node is not cordoned after the wait: nobody could uncordon it if its kubelet did not start.
 */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { KubeletFiles } from "@ocir-broker/protocol/node-result";
import type { Cluster, NodeObject } from "./cluster.ts";
import { isNear, type Tries, withoutRestarts, withTry, withWait } from "./decision/tries.ts";
import type { Outcome } from "./node-command.ts";
import type { NodeProgram } from "./node-program.ts";
import { cordonPatch, isCordonedByUs, isReady, readyCondition } from "./node-state.ts";

export type RestartResult =
  | { readonly kind: "restarted"; readonly tries: Tries }
  /** Pods kept starting; nothing was changed, and the node is still cordoned. */
  | { readonly kind: "busy"; readonly pods: readonly string[]; readonly tries: Tries }
  | { readonly kind: "failed"; readonly reason: string; readonly tries: Tries };

export interface RestartOptions {
  readonly cluster: Cluster;
  readonly program: Pick<NodeProgram, "addFlags" | "removeFlags" | "need" | "restartKubelet">;
  /** Limit of the wait with a cordoned node. */
  readonly idleSeconds: number;
  /** Limit of each wait for the node. */
  readonly readySeconds: number;
  readonly clock: Pick<Clock, "monotonicMs" | "wallMs">;
  /** Shows a failed restart in the node's metrics. Called before the restart, so that a retry does not hide the failure before it. */
  showFailed(isFailed: boolean): void;
  /** Waits a little and renews the Lease. */
  pause(): Promise<void>;
  say(text: string): void;
}

/** The change of the unit's files before the restart. After `remove`, the kubelet must not use ocir-broker any more. */
export type RestartPlan =
  | { readonly flags: "add"; readonly files: KubeletFiles }
  | { readonly flags: "keep" | "remove" };

type Heartbeat = string | undefined;
/** `silent`: it has started, and the API server shows no new heartbeat. */
type Restarted = "ready" | "silent" | "stopped";

export async function restartKubelet(plan: RestartPlan, known: Tries, options: RestartOptions): Promise<RestartResult> {
  const { cluster, idleSeconds, clock } = options;
  const waiting = await cordon(known, options);
  const beganMs = waiting.waits.at(-1) ?? 0;
  let pods: readonly string[] = [];
  const isIdle = async () => {
    pods = (await cluster.pendingPods()).flatMap(({ name, isStarting }) => (isStarting ? name : []));
    return pods.length === 0;
  };
  const leftSeconds = idleSeconds - (clock.wallMs() - beganMs) / 1_000;
  if (!(await within(leftSeconds, isIdle, options))) return { kind: "busy", pods, tries: waiting };
  const tries = withTry(waiting, clock.wallMs());
  // Before the change: after it, no failure of the API server may prevent the restoration.
  const before = heartbeatOf(await cluster.readNode());
  await cluster.patchNode(cordonPatch(false, tries));
  options.showFailed(true);
  const changed = await changeFlags(plan, options);
  if (changed !== undefined && !changed.ok) {
    const reason = `the kubelet's flags cannot be ${plan.flags === "add" ? "added" : "removed"}: ${changed.reason}`;
    return { kind: "failed", reason, tries: withoutRestarts(tries, 2) };
  }
  const kubelet = await restartAndWatch(before, options);
  if (kubelet === "ready" && (await isAsPlanned(plan, options))) {
    options.showFailed(false);
    options.say("the kubelet has restarted and the node is Ready");
    return { kind: "restarted", tries: withoutRestarts(tries, 1) };
  }
  // Flags that have worked stay: without them the kubelet would not use ocir-broker at all.
  const { after, unused } = plan.flags === "add" ? await giveBack(before, options) : { after: "", unused: 1 };
  const reason = `${textOf(kubelet, options)}${after}: journalctl -u kubelet`;
  return { kind: "failed", reason, tries: withoutRestarts(tries, unused) };
}

/** Continues the wait of an earlier pod. */
async function cordon(tries: Tries, { cluster, idleSeconds, clock, say }: RestartOptions): Promise<Tries> {
  const isWaiting = isNear(tries.waits.at(-1), clock.wallMs(), idleSeconds * 1_000);
  if (isWaiting && isCordonedByUs(await cluster.readNode())) return tries;
  const waiting = withWait(tries, clock.wallMs());
  await cluster.patchNode(cordonPatch(true, waiting));
  say("cordoned: the kubelet is restarted once no pod of this node is starting");
  return waiting;
}

async function changeFlags(plan: RestartPlan, { program }: RestartOptions): Promise<Outcome | undefined> {
  if (plan.flags === "add") return program.addFlags(plan.files);
  return plan.flags === "remove" ? program.removeFlags() : undefined;
}

async function isAsPlanned({ flags }: RestartPlan, { program }: RestartOptions): Promise<boolean> {
  return flags === "remove" || (await program.need())?.kind === "nothing";
}

/**
 * Removes the flags that this program has added, so that the kubelet works as before.
 *
 * @returns how that went, for the reason, and the number of restarts that were counted and did not follow.
 */
async function giveBack(before: Heartbeat, options: RestartOptions): Promise<{ after: string; unused: number }> {
  const removed = await options.program.removeFlags();
  if (!removed.ok) return { after: `; the flags that were added cannot be removed (${removed.reason})`, unused: 1 };
  const again = await restartAndWatch(before, options);
  const restored = again === "ready" ? "its kubelet has started without them" : textOf(again, options);
  return { after: `; the flags that were added are removed; then, ${restored}`, unused: 0 };
}

function textOf(kubelet: Restarted, { readySeconds }: RestartOptions): string {
  if (kubelet === "stopped") return "systemctl could not restart the kubelet";
  return kubelet === "ready"
    ? "the kubelet has restarted, but does not use ocir-broker"
    : `the node did not report itself as Ready within ${readySeconds} s after the restart of its kubelet`;
}

/** @param known an earlier heartbeat, in case the API server does not respond. */
async function restartAndWatch(known: Heartbeat, options: RestartOptions): Promise<Restarted> {
  const { cluster, program } = options;
  // The kubelet before the restart may have sent another one meanwhile.
  const before = await cluster.readNode().then(heartbeatOf, () => known);
  try {
    await program.restartKubelet();
  } catch {
    return "stopped";
  }
  let isUnseen = false;
  const isBack = async () => {
    isUnseen = true;
    const node = await cluster.readNode();
    isUnseen = false;
    return isReady(node) && heartbeatOf(node) !== before;
  };
  // An API server that does not respond is not the kubelet's failure: what the kubelet has read decides.
  return (await within(options.readySeconds, isBack, options)) || isUnseen ? "ready" : "silent";
}

/** A request may fail meanwhile, for example while the kubelet of a control plane's node restarts. */
async function within(seconds: number, isSo: () => Promise<boolean>, options: RestartOptions): Promise<boolean> {
  const endMs = options.clock.monotonicMs() + seconds * 1_000;
  for (;;) {
    if (await isSo().catch(() => false)) return true;
    if (options.clock.monotonicMs() >= endMs) return false;
    await options.pause();
  }
}

/** A kubelet sends a heartbeat when it has started. Only compared for equality, because the clocks may differ. */
function heartbeatOf(node: NodeObject): Heartbeat {
  return readyCondition(node)?.lastHeartbeatTime;
}
