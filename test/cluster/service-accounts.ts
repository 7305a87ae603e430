/** The steps of docs/service-accounts.md, as an administrator takes them on a node and in its cluster. */
import { audienceGrant } from "../audience-grant.ts";
import { objectsIn } from "../daemonset/manifest.ts";
import { CONFIG } from "../system/install/oke-node.ts";
import type { KubernetesNode } from "./kubernetes-node.ts";
import { ISSUER } from "./services.ts";

const BROKER = "/usr/local/bin/ocir-broker";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/**
 * Configures broker and kubelet, and restarts both.
 *
 * @param settings further ones of `serviceAccounts`
 * @param flags further ones of `kubelet-config merge`
 */
export async function configureNode(
  node: KubernetesNode,
  minor: number,
  settings: object = {},
  ...flags: readonly string[]
): Promise<void> {
  const { root, restartKubelet } = node;
  await configureBroker(node, settings);
  const merge = ["kubelet-config", "merge", CONFIG, "--kubelet-version", `1.${minor}`, "--service-accounts", ISSUER];
  root.write(CONFIG, await root.run(BROKER, [...merge, ...flags]));
  await restartKubelet();
}

/** @param settings further ones of `serviceAccounts` */
export async function configureBroker({ root }: KubernetesNode, settings: object = {}): Promise<void> {
  const serviceAccounts = { tokenExchange: "oke", audience: ISSUER, ...settings };
  root.write("/etc/ocir-broker/config.yaml", JSON.stringify({ serviceAccounts }));
  await root.run("systemctl", ["restart", "ocir-broker.service"]);
}

/** Applies the ClusterRole and its binding of the page. */
export async function grantAudience({ api }: KubernetesNode): Promise<void> {
  for (const manifest of objectsIn(audienceGrant(ISSUER)))
    await api.request("PUT", `${RBAC}/${manifest.kind.toLowerCase()}s/${manifest.metadata.name}`, manifest);
}
