/**
 * The part of a Kubernetes API server that the DaemonSet's pods need: Nodes, one Lease, Events and pods, with bearer tokens and the
 * rights that the manifest grants. As a real one, it refuses a patch of another version than the stored one.
 */
import { ApiError, NoResponseError } from "@ocir-broker/kubernetes/api-error";
import type { ApiServer as Client } from "@ocir-broker/kubernetes/api-server";
import { type Access, isAllowed, lease as leaseOfManifest } from "./manifest.ts";

// biome-ignore lint/suspicious/noExplicitAny: any object of Kubernetes
type KubernetesJson = any;

export type ApiServer = ReturnType<typeof createApiServer>;

const refusal = (status: number, message: string) => Object.assign(new Error(message), { status });

interface Sent {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly token: string | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

const VERBS: Readonly<Record<string, string>> = { GET: "get", PATCH: "patch", POST: "create" };
const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

export function createApiServer() {
  let version = 1_000;
  let beats = 0;
  /** The roles take long to read. */
  const decided = new Map<string, boolean>();
  const isAllowedBefore = (access: Access): boolean => {
    const key = JSON.stringify(access);
    const answered = decided.get(key) ?? isAllowed(access);
    decided.set(key, answered);
    return answered;
  };
  const store = (object: KubernetesJson): KubernetesJson => {
    version += 1;
    object.metadata.resourceVersion = String(version);
    return object;
  };
  const api = {
    nodes: new Map<string, KubernetesJson>(),
    lease: store(structuredClone(leaseOfManifest())),
    events: [] as KubernetesJson[],
    pods: [] as KubernetesJson[],
    /** @param url of the list, with its selector. */
    podsFor: (_url: string): KubernetesJson[] => api.pods,
    /** As the chart grants if its kubelets may be restarted. */
    mayListPods: false,
    /** Verb, resource, name and status of each request. */
    requests: [] as string[],
    /** Whether it responds to `client`. */
    isUp: true,
    /** Bearer tokens that it knows. */
    tokens: new Set(["token"]),
    /** A Node as its kubelet registers it. */
    addNode(name: string): void {
      api.nodes.set(name, store({ kind: "Node", metadata: { name, uid: `uid-${name}` }, spec: {}, status: {} }));
      api.beat(name);
    },
    cordon: (name: string, unschedulable: boolean): void => change(api.nodes.get(name), { spec: { unschedulable } }),
    /** The node's kubelet has started and reports itself. */
    beat(name: string, ready = true): void {
      beats += 1;
      const lastHeartbeatTime = new Date(beats * 1_000).toISOString();
      const conditions = [{ type: "Ready", status: ready ? "True" : "Unknown", lastHeartbeatTime }];
      change(api.nodes.get(name), { status: { conditions } });
    },
    /** A client without a network. */
    client: (token: string): Client => ({
      async send({ method, path: url, body }) {
        if (!api.isUp) throw new NoResponseError(new Error("connect ECONNREFUSED"));
        const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
        const response = answer({ method, url, token, type, body: JSON.stringify(body ?? null) });
        const sent = JSON.stringify(response.body);
        if (response.status >= 300) throw new ApiError(response.status, sent);
        return JSON.parse(sent);
      },
      watch: () => {
        throw new Error("the DaemonSet watches nothing");
      },
      close: () => Promise.resolve(),
    }),
  };

  function change(object: KubernetesJson, patch: KubernetesJson): KubernetesJson {
    const before = JSON.stringify(object);
    Object.assign(object, mergePatch(object, patch));
    return JSON.stringify(object) === before ? object : store(object);
  }

  function answer(request: Sent): { status: number; body: KubernetesJson } {
    const access = accessOf(request);
    let result: { status: number; body: KubernetesJson };
    try {
      if (!api.tokens.has(request.token ?? "")) throw refusal(401, "Unauthorized");
      const isListOfPods = access.verb === "list" && access.resource === "pods";
      if (!isAllowedBefore(access) && !(isListOfPods && api.mayListPods))
        throw refusal(403, `cannot ${access.verb} resource "${access.resource}"`);
      result = { status: access.verb === "create" ? 201 : 200, body: act(access, request) };
    } catch (error) {
      const { status = 500, message } = error as ReturnType<typeof refusal>;
      result = { status, body: { kind: "Status", status: "Failure", message, code: status } };
    }
    api.requests.push([access.verb, access.resource, access.name, result.status].filter(Boolean).join(" "));
    return result;
  }

  function act({ verb, resource, name = "" }: Access, { type, body, url }: Sent): KubernetesJson {
    if (resource === "pods") return { kind: "PodList", items: api.podsFor(url) };
    if (verb === "create") {
      const event = JSON.parse(body) as KubernetesJson;
      api.events.push(event);
      return event;
    }
    const object = resource === "nodes" ? api.nodes.get(name) : api.lease;
    if (object === undefined) throw refusal(404, `${resource} "${name}" not found`);
    if (verb === "get") return object;
    if (type !== "application/merge-patch+json") throw refusal(415, "no merge patch");
    const patch = JSON.parse(body) as KubernetesJson;
    const wanted = patch.metadata?.resourceVersion ?? object.metadata.resourceVersion;
    if (wanted !== object.metadata.resourceVersion) throw refusal(409, "the object has been modified");
    const times = [patch.spec?.acquireTime, patch.spec?.renewTime].filter((time) => time != null);
    if (!times.every((time) => MICRO_TIME.test(time))) throw refusal(422, "spec: a time has no microseconds");
    return change(object, patch);
  }
  return api;
}

/** RFC 7386. */
function mergePatch(target: KubernetesJson, patch: KubernetesJson): KubernetesJson {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const result = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

function accessOf({ method, url }: Sent): Access {
  const path = /^\/(?:api|apis\/([^/]+))\/v1(?:\/namespaces\/([^/]+))?\/([^/?]+)(?:\/([^/?]+))?/.exec(url) ?? [];
  const [, group = "", namespace, resource = "", name] = path;
  const verb = VERBS[method] ?? method;
  return { verb: verb === "get" && name === undefined ? "list" : verb, group, resource, namespace, name };
}
