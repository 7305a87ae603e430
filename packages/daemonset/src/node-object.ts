/** The Node as anyone sees it: what it says, and the labels, annotations and Events that this program writes. */
import { parseJson } from "@ocir-broker/foundation/parse-json";
import type { ApiServer } from "@ocir-broker/kubernetes/api-server";
import { newEvent } from "@ocir-broker/kubernetes/event";
import { STATE_LABEL, VERSION_LABEL } from "@ocir-broker/protocol/contract";
import type { NodeReport, NodeState, Try } from "./decide.ts";

const REASON = "ocir-broker/reason";
const TRY = "ocir-broker/try";
/** A person sets it to request another try; a pod removes it. */
const RETRY = "ocir-broker/retry";

/** The API server allows Events about a Node, which has no namespace, only here. */
const EVENT_NAMESPACE = "default";
const FAILED = "OcirBrokerFailed";

type Values = Readonly<Record<string, string | null>>;

/** `null` removes a label or an annotation. */
interface Marks {
  readonly labels?: Values;
  readonly annotations?: Values;
}

interface NodeJson {
  readonly metadata?: {
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

interface NodeObjectOptions {
  readonly node: string;
  readonly pod: string;
  /** Aborts one request at its time limit. */
  deadline(): AbortSignal;
}

export function createNodeObject(api: Pick<ApiServer, "send">, { node: name, pod, deadline }: NodeObjectOptions) {
  const path = `/api/v1/nodes/${name}`;
  return {
    async report(): Promise<NodeReport> {
      return reportOf((await api.send({ method: "GET", path, signal: deadline() })) as NodeJson);
    },
    async mark(metadata: Marks): Promise<void> {
      await api.send({ method: "PATCH", path, body: { metadata }, signal: deadline() });
    },
    async warn(message: string, wallMs: number): Promise<void> {
      // `kubectl describe node` also looks for the name as the UID, as kubelets write it.
      const object = { apiVersion: "v1", kind: "Node", name, uid: name };
      await api.send({
        method: "POST",
        path: `/api/v1/namespaces/${EVENT_NAMESPACE}/events`,
        body: newEvent({
          namespace: EVENT_NAMESPACE,
          object,
          type: "Warning",
          reason: FAILED,
          message,
          pod,
          host: name,
          wallMs,
        }),
        signal: deadline(),
      });
    },
  };
}

export function tryMarks(lastTry: Try): Marks {
  return { annotations: { [TRY]: JSON.stringify(lastTry) } };
}

export const FORGOTTEN: Marks = { annotations: { [RETRY]: null, [TRY]: null } };

/** @param triedRevision whose try is used. @param why the node waits. */
export function stateMarks(state: NodeState, version: string, triedRevision: string | undefined, why?: string): Marks {
  const isRemoved = state === "removed";
  const isComplete = isRemoved || state === "installed";
  const lastTry: Try | undefined = triedRevision === undefined ? undefined : { revision: triedRevision, step: "done" };
  return {
    labels: { [STATE_LABEL]: isRemoved ? null : state, [VERSION_LABEL]: isRemoved ? null : version },
    annotations: {
      [REASON]: why ?? null,
      [TRY]: lastTry === undefined || isRemoved ? null : JSON.stringify(lastTry),
      ...(isComplete && { [RETRY]: null }),
    },
  };
}

/** @param version that the failure has left on the node. */
export function failureMarks(reason: string, version: string | undefined, revision: string): Marks {
  const labels = { [STATE_LABEL]: "failed", [VERSION_LABEL]: version ?? null };
  return { labels, annotations: { [REASON]: reason, ...tryMarks({ revision, step: "failed" }).annotations } };
}

export const retryCommand = (node: string) => `kubectl annotate node ${node} ${RETRY}=now`;

function reportOf({ metadata, spec, status }: NodeJson): NodeReport {
  const annotations = metadata?.annotations ?? {};
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return {
    isCordoned: spec?.unschedulable === true,
    isReady: ready?.status === "True",
    heartbeatMs: Date.parse(ready?.lastHeartbeatTime ?? ""),
    isRetryAsked: annotations[RETRY] !== undefined,
    lastTry: parseJson(annotations[TRY] ?? "") as Try | undefined,
  };
}
