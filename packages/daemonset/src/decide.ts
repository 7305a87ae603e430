/**
 * The next action on one node: a function of what the node is, what its Node says, and who holds the Lease. Reads and changes nothing;
 * rollout.ts carries it out. The Node is the only memory, so a killed pod, a drain or a reboot forgets nothing.
 */
import type { KubeletFiles, KubeletNeed } from "@ocir-broker/protocol/node-result";

/** `needs-…`: installed, and used once the running kubelet has its flags or is restarted. */
export type NodeState = "installed" | "needs-restart" | "needs-flags" | "removed";

/** What the node is. */
export interface NodeFacts {
  /** An administrator has switched ocir-broker off. */
  readonly isDisabled: boolean;
  /** Any version's program is there. */
  readonly isThere: boolean;
  /** The image's version is installed with this chart's settings, and the kubelet's configuration names it. */
  readonly isAsWanted: boolean;
  /** Undefined if `node status` reports an error, or no program is there. */
  readonly need: KubeletNeed | undefined;
  readonly flags: KubeletFiles | undefined;
  /** The file of the kubelet's unit to which flags were added. */
  readonly flagsIn: string | undefined;
  /** When systemd has last started the kubelet, in epoch milliseconds; 0: never. */
  readonly kubeletStartMs: number;
  readonly version: string | undefined;
  /** For people: what is on the node. */
  readonly summary: string;
}

/** One try on a node, written before each step that restarts its kubelet. */
export interface Try {
  /** Of the DaemonSet's pods: a changed chart changes it, and has another try. */
  readonly revision: string;
  /** `restart`: with the change; `back`: without the flags again; then `done` or `failed`. */
  readonly step: "restart" | "back" | "done" | "failed";
  /** The kubelet's start before the step. Once there is another one, the step has restarted it. */
  readonly startMs?: number;
  /** The flags are of an earlier try: this one does not take them back. */
  readonly hadFlags?: boolean;
  /** A removal's step has ended, also where it found nothing of ours to take away. */
  readonly isOff?: boolean;
}

/** What the Node says. */
export interface NodeReport {
  readonly isCordoned: boolean;
  readonly isReady: boolean;
  /** When its kubelet has last reported itself, by the node's clock. */
  readonly heartbeatMs: number;
  /** A person requests another try. */
  readonly isRetryAsked: boolean;
  readonly lastTry: Try | undefined;
}

export interface Facts {
  readonly mode: "install" | "remove";
  readonly mayRestart: boolean;
  readonly revision: string;
  readonly node: NodeFacts;
  readonly report: NodeReport;
  readonly holdsLease: boolean;
  /** The pod is being deleted: nothing new begins. */
  readonly isEnding: boolean;
}

export type Action =
  /** The node is not worked on; other nodes continue. */
  | { readonly kind: "skip"; readonly why: string }
  | { readonly kind: "show"; readonly state: NodeState; readonly lastTry?: Try | undefined; readonly why?: string }
  /** It has failed, and keeps the Lease until a person acts. */
  | { readonly kind: "hold" }
  | { readonly kind: "end"; readonly releases: boolean }
  | { readonly kind: "take-lease" | "forget" | "install" | "remove" }
  | { readonly kind: "restart" | "watch"; readonly begun: Try }
  | { readonly kind: "back"; readonly begun: Try; readonly why: string }
  | { readonly kind: "fail"; readonly why: string };

export const CORDONED = "this node is cordoned; uncordon it to continue";
export const DISABLED = "ocir-broker is switched off on this node; run `ocir-broker enable` to continue";
export const USED = "its kubelet was restarted once for this version of the DaemonSet, and not again without a person";
const INTERRUPTED = "a restart of its kubelet was interrupted, and the kubelet does not run as planned";

const STATE_OF_NEED: Readonly<Record<KubeletNeed["kind"], NodeState>> = {
  nothing: "installed",
  outdated: "installed",
  restart: "needs-restart",
  flags: "needs-flags",
  "by-hand": "needs-flags",
  connect: "needs-flags",
};

export function decide(facts: Facts): Action {
  const { mode, node, report } = facts;
  const lastTry = report.lastTry?.revision === facts.revision ? report.lastTry : undefined;
  if (mode === "install" && node.isDisabled) return { kind: "skip", why: DISABLED };
  const isRemoved = mode === "remove" && !node.isThere;
  if (!isRemoved && (lastTry?.step === "restart" || lastTry?.step === "back"))
    return withLease(continued(lastTry, facts), facts, false);
  const earlier = earlierTry(facts);
  if (earlier !== undefined) return withLease({ kind: "watch", begun: earlier }, facts, false);
  const isFailed = lastTry?.step === "failed";
  // Otherwise its kubelet may use ocir-broker, but has failed in this try.
  if (isComplete(facts) && !(isFailed && !report.isReady)) {
    const state = mode === "install" ? "installed" : "removed";
    // A failure that is repaired has used the try.
    return { kind: "show", state, lastTry: isFailed ? { revision: facts.revision, step: "done" } : lastTry };
  }
  if (report.isRetryAsked) return { kind: "forget" };
  if (report.isCordoned) return { kind: "skip", why: CORDONED };
  if (isFailed) return withLease({ kind: "hold" }, facts, false);
  const next = mode === "install" ? installing(lastTry, facts) : removing(lastTry, facts);
  return next.kind === "show" ? next : withLease(next, facts, true);
}

/** A try of an earlier template whose node is not Ready yet. Once this template is installed, it is watched to its end, as one of it. */
function earlierTry(facts: Facts): Try | undefined {
  const { mode, mayRestart, revision, node, report } = facts;
  const { lastTry } = report;
  if (mode === "remove" || lastTry?.step !== "restart" || !isComplete(facts) || isBack(report, node)) return undefined;
  return { ...lastTry, revision, hadFlags: lastTry.hadFlags === true || !mayRestart };
}

/** @returns whether flags of this try are there. */
export function canGoBack({ hadFlags }: Try, { mode, node }: Pick<Facts, "mode" | "node">): boolean {
  return mode === "install" && hadFlags !== true && node.flagsIn !== undefined;
}

/** Whether the kubelet has reported itself as Ready since its start. */
export function isBack({ isReady, heartbeatMs }: NodeReport, { kubeletStartMs }: NodeFacts): boolean {
  return isReady && heartbeatMs >= kubeletStartMs;
}

/** @param releases whether a pod that ends leaves the Lease to others: not with a failure, or amid a try. */
function withLease(action: Action, { holdsLease, isEnding }: Facts, releases: boolean): Action {
  if (isEnding) return { kind: "end", releases };
  return holdsLease ? action : { kind: "take-lease" };
}

function isComplete({ mode, node }: Facts): boolean {
  if (mode === "remove") return !node.isThere;
  return node.isAsWanted && isUsed(node);
}

function isUsed({ need }: NodeFacts): boolean {
  return need !== undefined && STATE_OF_NEED[need.kind] === "installed";
}

function installing(lastTry: Try | undefined, { mayRestart, node, revision }: Facts): Action {
  const { need } = node;
  if (need === undefined || !node.isAsWanted) return { kind: "install" };
  const state = STATE_OF_NEED[need.kind];
  if (!mayRestart || (need.kind !== "flags" && need.kind !== "restart")) return { kind: "show", state, lastTry };
  if (lastTry !== undefined) return { kind: "show", state, lastTry, why: USED };
  return { kind: "restart", begun: begin(revision, node) };
}

/** Takes the added flags away first, so that nothing has to stay for the kubelet. */
function removing(lastTry: Try | undefined, { mayRestart, node, revision }: Facts): Action {
  if (lastTry === undefined && mayRestart && node.flagsIn !== undefined)
    return { kind: "restart", begun: begin(revision, node) };
  return { kind: "remove" };
}

function begin(revision: string, { kubeletStartMs, flagsIn, need }: NodeFacts): Try {
  // If the unit has lost flags that were added, this try adds them.
  const hadFlags = flagsIn !== undefined && need?.kind !== "flags";
  return { revision, step: "restart", startMs: kubeletStartMs, hadFlags };
}

/** A try whose end the Node does not show: its pod has just made the step, or was killed. */
function continued(begun: Try, facts: Facts): Action {
  const { mode, node, report } = facts;
  const isRestarted = node.kubeletStartMs !== begun.startMs;
  if (begun.step === "back")
    // Systemd itself restarts a kubelet that crashes. As long as the flags are there, it was not this step.
    return isRestarted && node.flagsIn === undefined
      ? { kind: "fail", why: INTERRUPTED }
      : { kind: "back", begun, why: INTERRUPTED };
  // What is there cannot be read: an installation repairs it, or says why not.
  if (mode === "install" && node.need === undefined) return { kind: "install" };
  const isAsPlanned = mode === "install" ? isUsed(node) : begun.isOff || (isRestarted && node.flagsIn === undefined);
  if (isAsPlanned && !isBack(report, node)) return { kind: "watch", begun };
  if (isAsPlanned)
    return mode === "install"
      ? { kind: "show", state: "installed", lastTry: { revision: begun.revision, step: "done" } }
      : { kind: "remove" };
  if (!isRestarted || mode === "remove") return { kind: "restart", begun };
  return canGoBack(begun, facts) ? { kind: "back", begun, why: INTERRUPTED } : { kind: "fail", why: INTERRUPTED };
}
