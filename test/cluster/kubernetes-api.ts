/** The tests' requests to the API server, with curl inside the node. */
import type { CoreV1Event, V1Pod } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import type { SystemdRoot } from "../system/systemd-root/systemd-root.ts";

export const API_SERVER = "https://127.0.0.1:6443";
/** As on OKE's nodes. */
export const CLUSTER_CA = "/etc/kubernetes/ca.crt";
export const ADMIN_TOKEN = "administrator";
/** Curl's arguments for a request of the administrator. */
export const BEARER = ["--cacert", CLUSTER_CA, "-H", `Authorization: Bearer ${ADMIN_TOKEN}`];
/** The environment of kubectl, helm and their like for the administrator. */
export const ADMIN_ENV = { KUBECONFIG: "/etc/kubernetes/admin.conf", HOME: "/run" };

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  PATCH: "application/merge-patch+json",
  APPLY: "application/apply-patch+yaml",
};
const ACCOUNT_LIMIT_MS = 120_000;

export interface Response {
  readonly status: number;
  /** The object, or the Status with the reason. A path that is not served yet has a line of text instead. */
  readonly body: { readonly message?: string; readonly [field: string]: unknown };
}

/** The method `APPLY` is a server-side apply. */
export type RequestAs = (method: string, path: string, body?: object) => Promise<Response>;

export type KubernetesApi = ReturnType<typeof createApi>;

/** Why its container waits, `Running`, or before that the pod's phase. */
export function stateOf(pod: V1Pod | undefined): string | undefined {
  const status = pod?.status;
  const state = status?.containerStatuses?.[0]?.state;
  return state?.running === undefined ? (state?.waiting?.reason ?? status?.phase) : "Running";
}

export function podManifest(name: string, image: string, spec: object = {}): object {
  return {
    metadata: { name, labels: { group: name.replace(/-\d+$/, "") } },
    spec: {
      // It then needs no network plugin.
      hostNetwork: true,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: "main", image, imagePullPolicy: "Always" }],
      ...spec,
    },
  };
}

export function namespacePath(name: string): string {
  return `/api/v1/namespaces/${name}`;
}

/** @param user whom the administrator impersonates. @param token default: the administrator's. */
export function requestAs(root: SystemdRoot, user?: string, token = ADMIN_TOKEN): RequestAs {
  return async (method, path, body) => {
    const headers = [`Authorization: Bearer ${token}`, `Content-Type: ${CONTENT_TYPES[method] ?? "application/json"}`];
    if (user !== undefined) headers.push(`Impersonate-User: ${user}`);
    const verb = method === "APPLY" ? "PATCH" : method;
    const data = body === undefined ? [] : ["--data-binary", "@-"];
    const args = ["-sS", "--cacert", CLUSTER_CA, ...headers.flatMap((line) => ["-H", line]), "-X", verb, ...data];
    const input = body === undefined ? "" : JSON.stringify(body);
    const stdout = await root.run("curl", [...args, "-w", "\n%{http_code}", `${API_SERVER}${path}`], { input });
    const end = stdout.trimEnd().lastIndexOf("\n");
    const text = stdout.slice(0, end);
    return { status: Number(stdout.slice(end)), body: text.startsWith("{") ? JSON.parse(text) : { message: text } };
  };
}

/** As the administrator. Pods and events are those of one namespace. */
export function createApi(root: SystemdRoot, namespace = "default") {
  const podsPath = `${namespacePath(namespace)}/pods`;
  const send = requestAs(root);

  /** @throws Error with the response if the API server refuses the request */
  async function request<Kind>(method: string, path: string, body?: object): Promise<Kind> {
    const response = await send(method, path, body);
    if (response.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(response)}`);
    return response.body as Kind;
  }

  async function list<Item>(path: string): Promise<Item[]> {
    return (await request<{ items: Item[] }>("GET", path)).items;
  }

  return {
    request,
    list,
    /** Ready for pods, which need its account `default`. */
    async createNamespace(name: string): Promise<void> {
      await request("POST", "/api/v1/namespaces", { metadata: { name } });
      await untilDefaultAccount(root, name);
    },
    /** Each one has a new UID. */
    async createServiceAccount(inNamespace: string, name: string): Promise<void> {
      await request("POST", `${namespacePath(inNamespace)}/serviceaccounts`, { metadata: { name } });
    },
    /** In a group named as the pod without its number. */
    async createPod(name: string, image: string, spec?: object): Promise<void> {
      await request("POST", podsPath, podManifest(name, image, spec));
    },
    /** Of this group; the kubelet then ends them within a second. */
    async removePods(group: string): Promise<void> {
      await request("DELETE", `${podsPath}?labelSelector=group%3D${group}`, { gracePeriodSeconds: 1 });
    },
    /** Undefined if it does not exist, such as a static pod that the kubelet has not reported yet. */
    pod: async (name: string) => (await list<V1Pod>(`${podsPath}?fieldSelector=metadata.name%3D${name}`))[0],
    pods: () => list<V1Pod>(podsPath),
    events: () => list<CoreV1Event>(`${namespacePath(namespace)}/events`),
  };
}

export async function untilDefaultAccount(root: SystemdRoot, namespace: string): Promise<void> {
  const account = `${namespacePath(namespace)}/serviceaccounts/default`;
  const isThere = async () => (await requestAs(root)("GET", account)).status === 200;
  await until(`${account} exists`, isThere, ACCOUNT_LIMIT_MS);
}
