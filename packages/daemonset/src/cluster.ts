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
  const readNode = async () => (await api.send({ method: "GET", path, signal: deadline() })) as NodeObject;
  return {
    readNode,
    async patchNode(body: object): Promise<void> {
      await api.send({ method: "PATCH", path, body, signal: deadline() });
    },
    async pendingPods(): Promise<PendingPod[]> {
      const pods: PendingPod[] = [];
      // One at a time: a tenant's pod has up to 1.5 MiB in etcd, more in JSON, and this program's heap has 64 MB.
      const query = { fieldSelector: `spec.nodeName=${name},status.phase=Pending`, limit: "1", continue: "" };
      do {
        const from = `/api/v1/pods?${new URLSearchParams(query)}`;
        const page = await api.send({ method: "GET", path: from, maxBytes: 10 * 1024 * 1024, signal: deadline() });
        const { items, metadata } = page as { items: readonly PodObject[]; metadata: { continue?: string } };
        pods.push(...items.map((item) => pendingPod(item, clock.wallMs())));
        query.continue = metadata.continue ?? "";
      } while (query.continue !== "");
      return pods;
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
function pendingPod({ metadata, status }: PodObject, nowMs: number): PendingPod {
  const { startTime = "", conditions = [] } = status ?? {};
  const hasSandbox = conditions.some(({ type, status: is }) => type === "PodReadyToStartContainers" && is === "True");
  const isRecent = Math.abs(nowMs - Date.parse(startTime)) < LONGEST_START_MS;
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const cannotStart = containers.some(({ state }) => CANNOT_START.includes(state?.waiting?.reason ?? ""));
  return { name: `${metadata.namespace}/${metadata.name}`, isStarting: hasSandbox && isRecent && !cannotStart };
}
