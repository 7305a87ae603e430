/** Pods as their users see them: states, and the events that the kubelet reports. */
import { until } from "@ocir-broker/testkit/until";
import { expect } from "vitest";
import { type KubernetesApi, stateOf } from "./kubernetes-api.ts";

const FAIL_LIMIT_MS = 60_000;
const RUN_LIMIT_MS = 480_000;
/** A list of many pods costs the two cores more than a pull does. */
const LIST_POLL_MS = 500;

export type Pods = ReturnType<typeof createPods>;

export function createPods(api: KubernetesApi) {
  const running = async () => (await api.pods()).filter((pod) => stateOf(pod) === "Running");

  /** Messages about pods whose names begin so. */
  async function failures(prefix: string): Promise<string[]> {
    return (await api.events()).flatMap(({ reason, message, involvedObject }) =>
      reason === "Failed" && involvedObject.name?.startsWith(prefix) ? (message ?? []) : [],
    );
  }

  return {
    failures,
    /** Creates a group: `<group>-0`, `<group>-1` and so on. Returns their names. */
    async create(group: string, count: number, image: (name: string) => string, spec?: object): Promise<string[]> {
      const names = Array.from({ length: count }, (_, index) => `${group}-${index}`);
      for (const name of names) await api.createPod(name, image(name), spec);
      return names;
    },
    /** Returns once the kubelet has removed them. */
    async removeGroup(group: string): Promise<void> {
      await api.removePods(group);
      const isGone = async () => (await api.pods()).every(({ metadata }) => !metadata?.name?.startsWith(`${group}-`));
      await until(`${group} is gone`, isGone, RUN_LIMIT_MS, LIST_POLL_MS);
    },
    async untilRunning(names: readonly string[]): Promise<void> {
      let missing: string[] = [];
      const isSo = async () => {
        const states = new Map((await api.pods()).map((pod) => [pod.metadata?.name, stateOf(pod)]));
        missing = names.flatMap((name) => (states.get(name) === "Running" ? [] : `${name}: ${states.get(name)}`));
        return missing.length === 0;
      };
      await until("all run", isSo, RUN_LIMIT_MS, LIST_POLL_MS).catch(async () => {
        const said = (await api.events()).map(({ reason, message }) => `${reason}: ${message}`);
        expect(missing, `pods that do not run; the last events:\n${said.slice(-20).join("\n")}`).toEqual([]);
      });
    },
    /** Reads events, because polling can miss a short state. */
    async untilFailed(pod: string, ...reasons: readonly string[]): Promise<void> {
      let said: unknown[] = [];
      const isSo = async () => {
        said = [stateOf(await api.pod(pod)), ...(await failures(pod))];
        return (
          /^(ErrImagePull|ImagePullBackOff)$/.test(String(said[0])) &&
          reasons.every((reason) => said.some((message) => String(message).includes(reason)))
        );
      };
      await until(`${pod}: ${reasons.join(", ")}`, isSo, FAIL_LIMIT_MS).catch(() => expect(said).toEqual(reasons));
    },
    /** How often the kubelet has tried to pull. */
    async tries(pod: string): Promise<number> {
      return (await api.events())
        .filter(({ reason, involvedObject }) => reason === "Pulling" && involvedObject.name === pod)
        .reduce((sum, { count = 1 }) => sum + count, 0);
    },
    /** The runtime's ids of running containers, which change with a restart. */
    containers: async (): Promise<string[]> =>
      (await running()).map(({ status }) => status?.containerStatuses?.[0]?.containerID ?? "").sort(),
  };
}
