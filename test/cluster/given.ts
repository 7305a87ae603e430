/** Clusters for a `describe`. */
import { given } from "../system/given.ts";
import { type KubernetesNode, type KubernetesOptions, startKubernetes } from "./kubernetes-node.ts";
import { type PullSecretsCluster, startPullSecretsCluster } from "./pull-secrets-cluster.ts";

export function givenKubernetes(options: KubernetesOptions): KubernetesNode {
  return given(
    () => startKubernetes(options),
    (node) => node.stop(),
  );
}

export function givenPullSecrets(options: KubernetesOptions): PullSecretsCluster {
  return given(
    () => startPullSecretsCluster(options),
    ({ node }) => node.stop(),
  );
}
