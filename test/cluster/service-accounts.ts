/** The steps of docs/service-accounts.md, as an administrator takes them on a node and in its cluster. */
import { parseAllDocuments } from "yaml";
import { CONFIG } from "../system/install/oke-node.ts";
import type { KubernetesNode } from "./kubernetes-node.ts";

const BROKER = "/usr/local/bin/ocir-broker";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/** Configures broker and kubelet, and restarts both. @param flags further ones of `kubelet-config merge`. */
export async function configureNode(
  { root, restartKubelet }: KubernetesNode,
  minor: number,
  config: { readonly serviceAccounts: { readonly audience: string } },
  ...flags: readonly string[]
): Promise<void> {
  root.write("/etc/ocir-broker/config.yaml", JSON.stringify(config));
  await root.run("systemctl", ["restart", "ocir-broker.service"]);
  const { audience } = config.serviceAccounts;
  const merge = ["kubelet-config", "merge", CONFIG, "--kubelet-version", `1.${minor}`, "--service-accounts", audience];
  await root.run(BROKER, [...merge, ...flags, "--write"]);
  await restartKubelet();
}

/** Applies the ClusterRole and its binding that the command prints. */
export async function grantAudience({ root, api }: KubernetesNode, audience: string): Promise<void> {
  const printed = await root.run(BROKER, ["kubelet-config", "grants", audience]);
  for (const document of parseAllDocuments(printed)) {
    const manifest = document.toJS() as { kind: string; metadata: { name: string } };
    await api.request("PUT", `${RBAC}/${manifest.kind.toLowerCase()}s/${manifest.metadata.name}`, manifest);
  }
}
