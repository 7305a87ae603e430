/** The program's requests to the API server: its own Node, the Lease, Events about the Node, and the node's starting pods. */
import type { ApiServer } from "@ocir-broker/kubernetes/api-server";
import { newEvent } from "@ocir-broker/kubernetes/event";
import { createLeaseRequests } from "@ocir-broker/kubernetes/lease-requests";

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

interface PodList {
  readonly items: readonly PodObject[];
}

interface PodObject {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly status?: {
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
const LEASE = "ocir-broker";

export type Cluster = ReturnType<typeof createCluster>;

export interface ClusterOptions {
  readonly node: string;
  readonly pod: string;
  readonly namespace: string;
  /** Aborts one request at its time limit. */
  deadline(): AbortSignal;
  wallMs(): number;
}

export function createCluster(api: ApiServer, options: ClusterOptions) {
  const { node: name, namespace, deadline } = options;
  const path = `/api/v1/nodes/${name}`;
  const get = (from: string) => api.send({ method: "GET", path: from, signal: deadline() });
  const readNode = async () => (await get(path)) as NodeObject;
  return {
    ...createLeaseRequests(api, { namespace, name: LEASE }, deadline),
    readNode,
    async patchNode(body: object): Promise<void> {
      await api.send({ method: "PATCH", path, body, signal: deadline() });
    },
    /** Names of this node's other pods that have not started yet: the kubelet may be pulling their images. */
    async startingPods(): Promise<string[]> {
      const fieldSelector = `spec.nodeName=${name},status.phase=Pending`;
      const { items } = (await get(`/api/v1/pods?${new URLSearchParams({ fieldSelector })}`)) as PodList;
      return items.filter(isStarting).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    },
    /** Reports an Event of the type Warning about the Node; `reason` is one word in camel case. */
    async warn(reason: string, message: string): Promise<void> {
      const { metadata } = await readNode();
      const body = newEvent({
        namespace: EVENT_NAMESPACE,
        object: { apiVersion: "v1", kind: "Node", name, uid: metadata?.uid ?? name },
        type: "Warning",
        reason,
        message,
        pod: options.pod,
        host: name,
        wallMs: options.wallMs(),
      });
      const events = `/api/v1/namespaces/${EVENT_NAMESPACE}/events`;
      await api.send({ method: "POST", path: events, body, signal: deadline() });
    },
  };
}

/** A pod whose image cannot be pulled may be one that waits for ocir-broker, and one that cannot start may stay so for ever. */
function isStarting({ status }: PodObject): boolean {
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return !containers.some(({ state }) => CANNOT_START.includes(state?.waiting?.reason ?? ""));
}
