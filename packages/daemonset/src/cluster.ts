/**
 * The program's requests to the API server: its own Node, the Lease, Events about the Node, and the node's starting pods.
 * Every request has a time limit, and every change is a merge patch.
 */
import { STATUS_CODES } from "node:http";
import {
  ApiException,
  CoordinationV1Api,
  CoreV1Api,
  createConfiguration,
  type KubeConfig,
  PatchStrategy,
  ServerConfiguration,
  type V1Pod,
} from "@kubernetes/client-node";

/** The API server allows Events about a Node, which has no namespace, only here. */
const EVENT_NAMESPACE = "default";
const CANNOT_PULL = ["ErrImagePull", "ImagePullBackOff"];
const LEASE = "ocir-broker";
const MERGE_PATCH: string = PatchStrategy.MergePatch;

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
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(config.getCurrentCluster()?.server ?? "", {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        async pre(request) {
          request.setSignal(options.deadline());
          if (request.getHttpMethod() === "PATCH") request.setHeaderParam("Content-Type", MERGE_PATCH);
          return request;
        },
        post: async (response) => response,
      },
    ],
  });
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
      const now = new Date(options.wallMs());
      await core.createNamespacedEvent({
        namespace: EVENT_NAMESPACE,
        body: {
          metadata: { generateName: `${name}.`, namespace: EVENT_NAMESPACE },
          involvedObject: { apiVersion: "v1", kind: "Node", name, uid: metadata?.uid ?? name },
          type: "Warning",
          reason,
          message: message.slice(0, 1_024),
          source: { component: "ocir-broker", host: name },
          reportingComponent: "ocir-broker",
          reportingInstance: options.pod,
          firstTimestamp: now,
          lastTimestamp: now,
          count: 1,
        },
      });
    },
  };
}

/** A pod whose image cannot be pulled may be one that waits for ocir-broker. */
function isStarting({ status }: V1Pod): boolean {
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return !containers.some(({ state }) => CANNOT_PULL.includes(state?.waiting?.reason ?? ""));
}

/** Whether another client has changed the object first. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiException && error.code === 409;
}

/** One line for the log. Never contains a request, because that holds the token. */
export function describeRefusal(error: unknown): string {
  if (error instanceof ApiException) return `the API server answers ${error.code}: ${messageOf(error)}`;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return `the API server does not answer: ${cause instanceof Error ? cause.message : cause}`;
}

/** The client drops the text of some responses, such as a 401. */
function messageOf({ code, body }: ApiException<unknown>): string {
  try {
    return String(JSON.parse(String(body)).message);
  } catch {
    return STATUS_CODES[code] ?? "unknown status";
  }
}
