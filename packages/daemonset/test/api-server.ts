/**
 * The part of a Kubernetes API server that the DaemonSet's pods need, without a network: Nodes, one Lease and Events, with bearer
 * tokens and the rights that the manifest grants. As a real one, it refuses a patch of another version than the stored one.
 */
import { ApiError, NoResponseError, statusOf } from "@ocir-broker/kubernetes/api-error";
import type { ApiServer as Client } from "@ocir-broker/kubernetes/api-server";

// biome-ignore lint/suspicious/noExplicitAny: any object of Kubernetes
type KubernetesJson = any;

export type ApiServer = ReturnType<typeof createApiServer>;

const refusal = (status: number, message: string) =>
  new ApiError(status, JSON.stringify({ kind: "Status", status: "Failure", message, code: status }));

/** What the manifest grants (test/daemonset/manifest.test.ts). */
const RIGHTS = ["get nodes", "patch nodes", "get leases", "patch leases", "create events"];

interface Access {
  readonly verb: string;
  readonly resource: string;
  readonly name: string | undefined;
}

export const TOKEN = "token";
const VERBS = { GET: "get", PATCH: "patch", POST: "create" };
const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

export function createApiServer(wallMs: () => number) {
  let version = 1_000;
  const store = (object: KubernetesJson): KubernetesJson => {
    version += 1;
    object.metadata.resourceVersion = String(version);
    return object;
  };
  const api = {
    nodes: new Map<string, KubernetesJson>(),
    lease: store({ kind: "Lease", metadata: { name: "ocir-broker" } }),
    events: [] as KubernetesJson[],
    /** Verb, resource, name and status of each request. */
    requests: [] as string[],
    /** Whether it responds to `client`. */
    isUp: true,
    /** A Node as its kubelet registers it. */
    addNode(name: string): void {
      api.nodes.set(name, store({ kind: "Node", metadata: { name, uid: `uid-${name}` }, spec: {}, status: {} }));
      api.beat(name);
    },
    cordon: (name: string, unschedulable: boolean): void => change(api.nodes.get(name), { spec: { unschedulable } }),
    /** The node's kubelet has started and reports itself. */
    beat(name: string, ready = true): void {
      const lastHeartbeatTime = new Date(wallMs()).toISOString().replace(/\.\d+Z$/, "Z");
      const conditions = [{ type: "Ready", status: ready ? "True" : "Unknown", lastHeartbeatTime }];
      change(api.nodes.get(name), { status: { conditions } });
    },
    client: (token: string): Pick<Client, "send"> => ({
      async send({ method, path, body }) {
        if (!api.isUp) throw new NoResponseError(new Error("connect ECONNREFUSED"));
        const access = accessOf(method, path);
        const log = (status: number) =>
          void api.requests.push([access.verb, access.resource, access.name, status].filter(Boolean).join(" "));
        try {
          if (token !== TOKEN) throw refusal(401, "Unauthorized");
          if (!RIGHTS.includes(`${access.verb} ${access.resource}`))
            throw refusal(403, `cannot ${access.verb} resource "${access.resource}"`);
          const result = act(access, JSON.parse(JSON.stringify(body ?? null)));
          log(access.verb === "create" ? 201 : 200);
          return JSON.parse(JSON.stringify(result));
        } catch (error) {
          log(statusOf(error) ?? 500);
          throw error;
        }
      },
    }),
  };

  function change(object: KubernetesJson, patch: KubernetesJson): KubernetesJson {
    const before = JSON.stringify(object);
    Object.assign(object, mergePatch(object, patch));
    return JSON.stringify(object) === before ? object : store(object);
  }

  function act({ verb, resource, name = "" }: Access, body: KubernetesJson): KubernetesJson {
    if (verb === "create") return api.events.push(body);
    const object = resource === "nodes" ? api.nodes.get(name) : api.lease;
    if (object === undefined) throw refusal(404, `${resource} "${name}" not found`);
    if (verb === "get") return object;
    const wanted = body.metadata?.resourceVersion ?? object.metadata.resourceVersion;
    if (wanted !== object.metadata.resourceVersion) throw refusal(409, "the object has been modified");
    const times = [body.spec?.acquireTime, body.spec?.renewTime].filter((time) => time != null);
    if (!times.every((time) => MICRO_TIME.test(time))) throw refusal(422, "spec: a time has no microseconds");
    return change(object, body);
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

function accessOf(method: keyof typeof VERBS, path: string): Access {
  const parts = /^\/(?:api|apis\/[^/]+)\/v1(?:\/namespaces\/[^/]+)?\/([^/?]+)(?:\/([^/?]+))?/.exec(path) ?? [];
  const [, resource = "", name] = parts;
  return { verb: method === "GET" && name === undefined ? "list" : VERBS[method], resource, name };
}
