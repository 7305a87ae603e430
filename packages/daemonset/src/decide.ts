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
  /** The kubelet's start before the try. Once there is another one, it has been restarted. */
  readonly startMs?: number;
  /** The flags are of an earlier try: this one does not take them back. */
  readonly hadFlags?: boolean;
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
}

export type Action =
  /** The node is not worked on; other nodes continue. */
  | { readonly kind: "skip"; readonly why: string }
  | { readonly kind: "show"; readonly state: NodeState; readonly isTried: boolean; readonly why?: string }
  /** It has failed, and keeps the Lease until a person acts. */
  | { readonly kind: "hold" }
  | { readonly kind: "take-lease" | "forget" | "install" | "remove" }
  /** It changes and restarts the kubelet, and waits for the node. Repeated after an interruption, it does only what is left to do. */
  | { readonly kind: "restart"; readonly begun: Try }
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

/** The work itself needs the Lease. */
export function decide(facts: Facts): Action {
  const action = nextAction(facts);
  const isFree = action.kind === "skip" || action.kind === "show" || action.kind === "forget";
  return isFree || facts.holdsLease ? action : { kind: "take-lease" };
}

function nextAction(facts: Facts): Action {
  const { mode, revision, node, report } = facts;
  const lastTry = report.lastTry?.revision === revision ? report.lastTry : undefined;
  const isFailed = lastTry?.step === "failed";
  const isRemoved = mode === "remove" && !node.isThere;
  const isInstalled = mode === "install" && node.isAsWanted && isUsed(node);
  if (mode === "install" && node.isDisabled) return { kind: "skip", why: DISABLED };
  if (!isRemoved && isOpen(lastTry)) return continued(lastTry, facts);
  if (isInstalled && facts.mayRestart && report.lastTry?.step === "restart" && !isBack(report, node)) {
    // The chart was changed while a try waited for the node: it is now one of this chart.
    return { kind: "restart", begun: { ...report.lastTry, revision } };
  }
  // A kubelet that has failed in this try may use ocir-broker all the same.
  if ((isRemoved || isInstalled) && !(isFailed && !report.isReady))
    return { kind: "show", state: isRemoved ? "removed" : "installed", isTried: lastTry !== undefined };
  if (report.isRetryAsked) return { kind: "forget" };
  if (report.isCordoned) return { kind: "skip", why: CORDONED };
  if (isFailed) return { kind: "hold" };
  return mode === "install" ? installing(lastTry, facts) : removing(lastTry, facts);
}

/** Whether its end is not known. */
export function isOpen(lastTry: Try | undefined): lastTry is Try {
  return lastTry?.step === "restart" || lastTry?.step === "back";
}

/** Whether flags of this try are there. */
export function canGoBack({ hadFlags }: Try, mode: Facts["mode"], { flagsIn }: NodeFacts): boolean {
  return mode === "install" && hadFlags !== true && flagsIn !== undefined;
}

/** Whether the kubelet has reported itself as Ready since its start. */
export function isBack({ isReady, heartbeatMs }: NodeReport, { kubeletStartMs }: NodeFacts): boolean {
  return isReady && heartbeatMs >= kubeletStartMs;
}

function isUsed({ need }: NodeFacts): boolean {
  return need !== undefined && STATE_OF_NEED[need.kind] === "installed";
}

function installing(lastTry: Try | undefined, { mayRestart, node, revision }: Facts): Action {
  const { need } = node;
  if (need === undefined || !node.isAsWanted) return { kind: "install" };
  const shown = { kind: "show", state: STATE_OF_NEED[need.kind], isTried: lastTry !== undefined } as const;
  if (!mayRestart || (need.kind !== "flags" && need.kind !== "restart")) return shown;
  return lastTry === undefined ? { kind: "restart", begun: begin(revision, node) } : { ...shown, why: USED };
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

/** A try whose end the Node does not show, because its pod was killed or the API server did not respond. */
function continued(begun: Try, facts: Facts): Action {
  const { mode, node } = facts;
  if (begun.step === "back") return { kind: "back", begun, why: INTERRUPTED };
  // What is there cannot be read: an installation repairs it, or says why not.
  if (mode === "install" && node.need === undefined) return { kind: "install" };
  if (mode === "remove" || isUsed(node) || node.kubeletStartMs === begun.startMs) return { kind: "restart", begun };
  if (canGoBack(begun, mode, node)) return { kind: "back", begun: { ...begun, step: "back" }, why: INTERRUPTED };
  // Without its flags, it may have been restarted twice already: a person decides about another time.
  return { kind: "fail", why: INTERRUPTED };
}
