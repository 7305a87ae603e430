/** Clusters for a `describe`. */
import { beforeEach } from "vitest";
import { given } from "../system/given.ts";
import { type KubernetesNode, type KubernetesOptions, startKubernetes } from "./kubernetes-node.ts";
import { type PullSecretsCluster, startPullSecretsCluster } from "./pull-secrets-cluster.ts";

export function givenKubernetes(options: KubernetesOptions): KubernetesNode {
  const node = given(
    () => startKubernetes(options),
    (started) => started.stop(),
  );
  beforeEach(({ onTestFailed }) => onTestFailed(() => node.restore()));
  return node;
}

export function givenPullSecrets(options: KubernetesOptions): PullSecretsCluster {
  return given(
    () => startPullSecretsCluster(options),
    ({ node }) => node.stop(),
  );
}
