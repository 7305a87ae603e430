/** Clusters for a `describe`: empty until its tests run, and stopped after them. */
import { beforeAll } from "vitest";
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

function given<Kind extends object>(start: () => Promise<Kind>, stop: (started: Kind) => Promise<void>): Kind {
  const promised = {} as Kind;
  beforeAll(async () => {
    const started = Object.assign(promised, await start());
    return () => stop(started);
  });
  return promised;
}
