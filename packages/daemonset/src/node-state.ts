/** The state of a node that anyone can see: labels, annotations and Events. */
import { STATE_LABEL, VERSION_LABEL } from "@ocir-broker/protocol/contract";
import type { NodeObject } from "./cluster.ts";
import { formatTries, noTries, parseTries, type Tries } from "./decision/tries.ts";

const REASON = "ocir-broker/reason";
/** On a node that this program has cordoned, until it uncordons it. */
const CORDONED = "ocir-broker/cordoned";
const TRIES = "ocir-broker/tries";
/** A person sets it to request another try; a pod removes it. */
const RETRY = "ocir-broker/retry";

/** `needs-…`: installed, and used once the running kubelet has its flags or is restarted. */
export type NodeState = "installed" | "needs-restart" | "needs-flags" | "removed";

export interface ShownState {
  /** Undefined leaves the labels as they are. */
  readonly state: NodeState | undefined;
  readonly version: string;
  /** Why the node waits. */
  readonly reason?: string | undefined;
  readonly tries: Tries;
}

/** Also uncordons the node if an earlier pod has cordoned it and ended before it could uncordon it. */
export function statePatch(node: NodeObject, { state, version, reason, tries }: ShownState): object {
  const isRemoved = state === "removed";
  const labels = { [STATE_LABEL]: isRemoved ? null : state, [VERSION_LABEL]: isRemoved ? null : version };
  const isComplete = isRemoved || state === "installed";
  const annotations = {
    ...{ [REASON]: reason ?? null, [CORDONED]: null, [TRIES]: isRemoved ? null : formatTries(tries) },
    ...(isComplete && { [RETRY]: null }),
  };
  return {
    metadata: { ...(state !== undefined && { labels }), annotations },
    ...(isCordonedByUs(node) && { spec: { unschedulable: null } }),
  };
}

/** @param version that the failure has left on the node. */
export function failedPatch(reason: string, version: string | undefined, tries: Tries): object {
  const labels = { [STATE_LABEL]: "failed", [VERSION_LABEL]: version ?? null };
  return { metadata: { labels, annotations: { [REASON]: reason, [TRIES]: formatTries(tries) } } };
}

export function cordonPatch(cordoned: boolean, tries: Tries): object {
  return {
    metadata: { annotations: { [CORDONED]: cordoned ? "true" : null, [TRIES]: formatTries(tries) } },
    spec: { unschedulable: cordoned ? true : null },
  };
}

/** Forgets everything that was tried. */
export const RETRY_PATCH = { metadata: { annotations: { [RETRY]: null, [TRIES]: null } } };

export function isRetryAsked(node: NodeObject): boolean {
  return node.metadata?.annotations?.[RETRY] !== undefined;
}

export function triesOn(node: NodeObject, revision: string, nowMs: number): Tries {
  return isRetryAsked(node) ? noTries(revision) : parseTries(node.metadata?.annotations?.[TRIES], revision, nowMs);
}

export function isCordoned(node: NodeObject): boolean {
  return node.spec?.unschedulable === true;
}

export function readyCondition(node: NodeObject) {
  return node.status?.conditions?.find(({ type }) => type === "Ready");
}

export function isReady(node: NodeObject): boolean {
  return readyCondition(node)?.status === "True";
}

/** Whether this pod or an earlier one has cordoned the node. */
export function isCordonedByUs(node: NodeObject): boolean {
  return isCordoned(node) && node.metadata?.annotations?.[CORDONED] === "true";
}

/** An Event has 1024 characters. */
const LONGEST_REASON = 500;
/** The reasons of the Events. */
export const FAILED = "OcirBrokerFailed";
export const PODS_KEEP_STARTING = "OcirBrokerPodsKeepStarting";

export const retryCommand = (node: string) => `kubectl annotate node ${node} ${RETRY}=now`;

interface Failed {
  readonly node: string;
  readonly reason: string;
  /** What is on the node. */
  readonly left: string;
  /** Undefined if a person must request the next try. */
  readonly againAtMs: number | undefined;
}

/** @returns whole sentences without the last full stop. */
export function failureMessage({ node, reason, left, againAtMs }: Failed): string {
  const again = againAtMs === undefined ? "" : `. The next try is at ${new Date(againAtMs).toISOString()}`;
  return (
    `${reason.slice(0, LONGEST_REASON)}. On the node, ${left}. The rollout has stopped${again}. Fix the cause, then try again: ` +
    `${retryCommand(node)}; or let the other nodes continue: kubectl cordon ${node}`
  );
}

export function busyMessage(why: string): string {
  return `The kubelet was not restarted, because ${why}. The node is no longer cordoned.`;
}
