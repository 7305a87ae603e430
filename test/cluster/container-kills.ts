/** Ends containers as a crash does, whatever runtime has started them, and waits for the kubelet to start them again. */
import type { V1ContainerStatus } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import type { SystemdRoot } from "../system/systemd-root/index.ts";
import { containerIdOf, processesOf } from "./container-runtime.ts";
import type { KubernetesApi } from "./kubernetes-api.ts";

const RESTART_LIMIT_MS = 240_000;

export interface Restarts {
  /** Returns how many seconds the slowest took, once all run again. */
  untilRestarted(): Promise<number>;
  /** Those that run again. */
  restarted(): Promise<string[]>;
}

/** Sends SIGKILL to the container of each of these running pods. */
export async function killContainers(
  root: SystemdRoot,
  api: KubernetesApi,
  names: readonly string[],
): Promise<Restarts> {
  const statuses = async () => {
    const pods = (await api.pods()).filter(({ metadata }) => names.includes(metadata?.name ?? ""));
    return new Map(pods.map(({ metadata, status }) => [metadata?.name ?? "", status?.containerStatuses?.[0]]));
  };
  const idOf = (status?: V1ContainerStatus) =>
    status?.state?.running === undefined ? undefined : containerIdOf(status);
  const before = new Map([...(await statuses())].map(([name, status]) => [name, idOf(status)]));
  const ids = names.map((name) => before.get(name) ?? "");
  if (ids.includes("")) throw new Error(`not all of ${names} run`);
  const startedAtMs = performance.now();
  await root.run("kill", ["-9", ...(await processesOf(root, ...ids))]);

  async function restarted(): Promise<string[]> {
    const now = await statuses();
    return names.filter((name) => ![undefined, before.get(name)].includes(idOf(now.get(name))));
  }
  return {
    restarted,
    async untilRestarted() {
      const isSo = async () => (await restarted()).length === names.length;
      await until(`${names} run again`, isSo, RESTART_LIMIT_MS, 500);
      return Math.round((performance.now() - startedAtMs) / 100) / 10;
    },
  };
}
