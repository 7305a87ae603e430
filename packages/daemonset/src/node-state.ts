/** The state of a node that anyone can see: labels, annotations and an Event. */
import { STATE_LABEL, VERSION_LABEL } from "@ocir-broker/protocol/contract";
import type { NodeObject } from "./cluster.ts";

const REASON = "ocir-broker/reason";
/** On a node that this program has cordoned, until it uncordons it. */
const CORDONED = "ocir-broker/cordoned";

/** `needs-…`: installed, and used once the running kubelet has its flags or is restarted. */
export type NodeState = "installed" | "needs-restart" | "needs-flags" | "removed";

/** Also uncordons the node if an earlier pod has cordoned it and ended before it could uncordon it. */
export function statePatch(node: NodeObject, state: NodeState, version: string): object {
  const isRemoved = state === "removed";
  return {
    metadata: {
      labels: { [STATE_LABEL]: isRemoved ? null : state, [VERSION_LABEL]: isRemoved ? null : version },
      annotations: { [REASON]: null, [CORDONED]: null },
    },
    ...(isCordonedByUs(node) && { spec: { unschedulable: null } }),
  };
}

export function failedPatch(reason: string): object {
  return { metadata: { labels: { [STATE_LABEL]: "failed" }, annotations: { [REASON]: reason } } };
}

export function cordonPatch(cordoned: boolean): object {
  return {
    metadata: { annotations: { [CORDONED]: cordoned ? "true" : null } },
    spec: { unschedulable: cordoned ? true : null },
  };
}

export function isCordoned(node: NodeObject): boolean {
  return node.spec?.unschedulable === true;
}

/** Whether this pod or an earlier one has cordoned the node. */
export function isCordonedByUs(node: NodeObject): boolean {
  return isCordoned(node) && node.metadata?.annotations?.[CORDONED] === "true";
}

/** An administrator takes the node out of the rollout by this command. If we have cordoned it, kubectl cordon does nothing. */
export function excludeCommand(node: string, isCordonedByUs: boolean): string {
  return isCordonedByUs ? `kubectl annotate node ${node} ${CORDONED}-` : `kubectl cordon ${node}`;
}

/** The Event's reason. */
export const FAILED = "OcirBrokerFailed";

export function failureMessage(reason: string, exclude: string): string {
  return (
    `${reason}. The node is as it was before, and the rollout has stopped. Fix the reason, then delete the pod of ocir-broker ` +
    `on this node to retry at once; or ${exclude} to let the other nodes continue.`
  );
}
