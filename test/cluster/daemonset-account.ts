/** Sends requests as the account of the DaemonSet's pods. They are dry runs, so an allowed one changes nothing. */
import type { V1PodList, V1Status } from "@kubernetes/client-node";
import { API_SERVER, CLUSTER_CA } from "./kubernetes-api.ts";
import type { KubernetesNode } from "./kubernetes-node.ts";

const NAMESPACE = "/api/v1/namespaces/ocir-broker";

/** Returns `allowed`, or why the API server denies the request. */
export type TryRequest = (method: "PATCH" | "POST", path: string, body: object) => Promise<string>;

/** @param isBound whether the token is bound to the DaemonSet's pod, as the pod's own is. */
export async function createAccount({ root, api }: KubernetesNode, isBound = true): Promise<TryRequest> {
  const { items } = (await api.request("GET", `${NAMESPACE}/pods`)) as V1PodList;
  const { name, uid } = items.find(({ metadata }) => metadata?.generateName)?.metadata ?? {};
  const spec = isBound ? { boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid } } : {};
  const path = `${NAMESPACE}/serviceaccounts/ocir-broker-daemonset/token`;
  const { status } = (await api.request("POST", path, { spec })) as { status: { token: string } };
  return async (method, path, body) => {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const headers = [`Authorization: Bearer ${status.token}`, `Content-Type: ${type}`].flatMap((line) => ["-H", line]);
    const args = ["-sS", "--cacert", CLUSTER_CA, "-X", method, ...headers, "--data-binary", "@-"];
    const stdout = await root.run("curl", [...args, `${API_SERVER}${path}?dryRun=All`], {
      input: JSON.stringify(body),
    });
    const response = JSON.parse(stdout) as V1Status;
    return response.kind === "Status" ? `${response.code} ${response.message}` : "allowed";
  };
}
