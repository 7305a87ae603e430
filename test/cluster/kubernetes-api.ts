/** The tests' requests to the API server, as an administrator, with curl inside the node. */
import type { CoreV1Event, V1Pod } from "@kubernetes/client-node";
import type { SystemdRoot } from "../system/systemd-root/index.ts";

export const API_SERVER = "https://127.0.0.1:6443";
/** As on OKE's nodes. */
export const CLUSTER_CA = "/etc/kubernetes/ca.crt";
export const ADMIN_TOKEN = "administrator";

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

/** Pods and events are those of one namespace. */
export function createApi(root: SystemdRoot, namespace = "default") {
  const resources = `/api/v1/namespaces/${namespace}`;
  const podsPath = `${resources}/pods`;

  async function request(method: string, path: string, body?: object): Promise<unknown> {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const headers = [`Authorization: Bearer ${ADMIN_TOKEN}`, `Content-Type: ${type}`].flatMap((line) => ["-H", line]);
    const data = body === undefined ? [] : ["--data-binary", "@-"];
    const args = ["-sS", "--fail-with-body", "--cacert", CLUSTER_CA, "-X", method, ...headers, ...data];
    const input = body === undefined ? "" : JSON.stringify(body);
    return JSON.parse(await root.run("curl", [...args, `${API_SERVER}${path}`], { input }));
  }

  async function items<Item>(path: string): Promise<Item[]> {
    return ((await request("GET", path)) as { items: Item[] }).items;
  }

  return {
    request,
    /** In a group named as the pod without its number. */
    async createPod(name: string, image: string, spec?: object): Promise<void> {
      await request("POST", podsPath, podManifest(name, image, spec));
    },
    /** Of this group; the kubelet then ends them within a second. */
    async removePods(group: string): Promise<void> {
      await request("DELETE", `${podsPath}?labelSelector=group%3D${group}`, { gracePeriodSeconds: 1 });
    },
    /** Undefined if it does not exist, such as a static pod that the kubelet has not reported yet. */
    pod: async (name: string) => (await items<V1Pod>(`${podsPath}?fieldSelector=metadata.name%3D${name}`))[0],
    pods: () => items<V1Pod>(podsPath),
    events: () => items<CoreV1Event>(`${resources}/events`),
  };
}
