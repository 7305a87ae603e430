/** Ends containers as a crash does, whatever runtime has started them, and waits for the kubelet to start them again. */
import type { V1ContainerStatus } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import type { SystemdRoot } from "../system/systemd-root/systemd-root.ts";
import { containerIdOf, processesOf } from "./container-runtime.ts";
import type { KubernetesApi } from "./kubernetes-api.ts";

const RESTART_LIMIT_MS = 240_000;

/** Sends SIGKILL to the container of each of these running pods. */
export async function killContainers(root: SystemdRoot, api: KubernetesApi, names: readonly string[]) {
  const statuses = async () => {
    const pods = (await api.pods()).filter(({ metadata }) => names.includes(metadata?.name ?? ""));
    return new Map(pods.map(({ metadata, status }) => [metadata?.name ?? "", status?.containerStatuses?.[0]]));
  };
  const idOf = (status?: V1ContainerStatus) =>
    status?.state?.running === undefined ? undefined : containerIdOf(status);
  const before = new Map([...(await statuses())].map(([name, status]) => [name, idOf(status)]));
  const ids = names.map((name) => before.get(name) ?? "");
  if (ids.includes("")) throw new Error(`not all of ${names} run`);
  await root.run("kill", ["-9", ...(await processesOf(root, ...ids))]);

  const haveRestarted = async () => {
    const now = await statuses();
    return names.every((name) => ![undefined, before.get(name)].includes(idOf(now.get(name))));
  };
  return {
    untilRestarted: () => until(`${names} run again`, haveRestarted, RESTART_LIMIT_MS, 500),
  };
}
