/** The program's requests to the API server: its own Node, Events about the Node, and the node's starting pods. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { ApiServer } from "@ocir-broker/kubernetes/api-server";
import { newEvent } from "@ocir-broker/kubernetes/event";

/** The parts of a Node that this program uses. */
export interface NodeObject {
  readonly metadata?: {
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly unschedulable?: boolean };
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastHeartbeatTime?: string;
    }[];
  };
}

interface PodObject {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly status?: {
    /** Set by this node's kubelet. */
    readonly startTime?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly state?: { readonly waiting?: { readonly reason?: string } };
}

/** The API server allows Events about a Node, which has no namespace, only here. */
const EVENT_NAMESPACE = "default";
/** Why the kubelet cannot start a container: it tries again and again, until a person or ocir-broker changes something. */
const CANNOT_START = [
  ...["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"],
  ...["CreateContainerConfigError", "CreateContainerError", "CrashLoopBackOff"],
];
/** A pod that has not started after this time may never do so. */
const LONGEST_START_MS = 1_800_000;

/** A pod of this node that has not started yet. */
export interface PendingPod {
  readonly name: string;
  /** Its kubelet may be pulling its images. */
  readonly isStarting: boolean;
}

export type Cluster = ReturnType<typeof createNodeCluster>;

interface ClusterOptions {
  readonly node: string;
  readonly pod: string;
  readonly clock: Pick<Clock, "wallMs">;
  /** Aborts one request at its time limit. */
  deadline(): AbortSignal;
}

export function createNodeCluster(api: Pick<ApiServer, "send">, { node: name, pod, clock, deadline }: ClusterOptions) {
  const path = `/api/v1/nodes/${name}`;
  // A tenant's pods may have 1.5 MB each.
  const get = (from: string) => api.send({ method: "GET", path: from, maxBytes: 64 * 1024 * 1024, signal: deadline() });
  const readNode = async () => (await get(path)) as NodeObject;
  return {
    readNode,
    async patchNode(body: object): Promise<void> {
      await api.send({ method: "PATCH", path, body, signal: deadline() });
    },
    async pendingPods(): Promise<PendingPod[]> {
      const fieldSelector = `spec.nodeName=${name},status.phase=Pending`;
      const { items } = (await get(`/api/v1/pods?${new URLSearchParams({ fieldSelector })}`)) as {
        readonly items: readonly PodObject[];
      };
      return items.map((pending) => ({
        name: `${pending.metadata.namespace}/${pending.metadata.name}`,
        isStarting: isStarting(pending, clock.wallMs()),
      }));
    },
    /** Reports an Event of the type Warning about the Node; `reason` is one word in camel case. */
    async warn(reason: string, message: string): Promise<void> {
      const { metadata } = await readNode();
      const body = newEvent({
        namespace: EVENT_NAMESPACE,
        object: { apiVersion: "v1", kind: "Node", name, uid: metadata?.uid ?? name },
        type: "Warning",
        ...{ reason, message, pod, host: name, wallMs: clock.wallMs() },
      });
      const events = `/api/v1/namespaces/${EVENT_NAMESPACE}/events`;
      await api.send({ method: "POST", path: events, body, signal: deadline() });
    },
  };
}

/**
 * A pod without a sandbox may wait for a volume or a network forever. One whose image cannot be pulled may be waiting for ocir-broker,
 * and one that cannot start may never do so.
 */
function isStarting({ status }: PodObject, nowMs: number): boolean {
  const { startTime = "", conditions = [] } = status ?? {};
  const hasSandbox = conditions.some(({ type, status: is }) => type === "PodReadyToStartContainers" && is === "True");
  if (!hasSandbox || !(Math.abs(nowMs - Date.parse(startTime)) < LONGEST_START_MS)) return false;
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return !containers.some(({ state }) => CANNOT_START.includes(state?.waiting?.reason ?? ""));
}
