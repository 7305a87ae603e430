/** The program's requests to the API server: its own Node, the Lease, Events about the Node, and the node's starting pods. */
import { CoordinationV1Api, CoreV1Api, type KubeConfig, type V1Pod } from "@kubernetes/client-node";
import { createApiClient } from "@ocir-broker/kubernetes/api-client";
import { newEvent } from "@ocir-broker/kubernetes/event";

/** The API server allows Events about a Node, which has no namespace, only here. */
const EVENT_NAMESPACE = "default";
const CANNOT_PULL = ["ErrImagePull", "ImagePullBackOff"];
const LEASE = "ocir-broker";

export type Cluster = ReturnType<typeof createCluster>;

export interface ClusterOptions {
  readonly node: string;
  readonly pod: string;
  readonly namespace: string;
  /** Aborts one request when its time is over. */
  deadline(): AbortSignal;
  wallMs(): number;
}

export function createCluster(config: KubeConfig, options: ClusterOptions) {
  const { node: name, namespace } = options;
  const configuration = createApiClient(config, options.deadline);
  const core = new CoreV1Api(configuration);
  const coordination = new CoordinationV1Api(configuration);
  return {
    readNode: () => core.readNode({ name }),
    async patchNode(body: object): Promise<void> {
      await core.patchNode({ name, body });
    },
    readLease: () => coordination.readNamespacedLease({ name: LEASE, namespace }),
    /** Fails with status 409 if this version is not the stored one. */
    patchLease: (resourceVersion: string, spec: object) =>
      coordination.patchNamespacedLease({ name: LEASE, namespace, body: { metadata: { resourceVersion }, spec } }),
    /** Names of this node's other pods that have not started yet: the kubelet may be pulling their images. */
    async startingPods(): Promise<string[]> {
      const fieldSelector = `spec.nodeName=${name},status.phase=Pending`;
      const { items } = await core.listPodForAllNamespaces({ fieldSelector });
      return items.filter(isStarting).map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`);
    },
    /** Reports an Event of the type Warning about the Node; `reason` is one word in camel case. */
    async warn(reason: string, message: string): Promise<void> {
      const { metadata } = await core.readNode({ name });
      await core.createNamespacedEvent({
        namespace: EVENT_NAMESPACE,
        body: newEvent({
          namespace: EVENT_NAMESPACE,
          object: { apiVersion: "v1", kind: "Node", name, uid: metadata?.uid ?? name },
          type: "Warning",
          reason,
          message,
          pod: options.pod,
          host: name,
          wallMs: options.wallMs(),
        }),
      });
    },
  };
}

/** A pod whose image cannot be pulled may be one that waits for ocir-broker. */
function isStarting({ status }: V1Pod): boolean {
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return !containers.some(({ state }) => CANNOT_PULL.includes(state?.waiting?.reason ?? ""));
}
