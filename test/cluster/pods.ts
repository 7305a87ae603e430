/** Pods as their users see them: states, and the events that the kubelet reports. */

import { until } from "@ocir-broker/testkit";
import { expect } from "vitest";
import { type KubernetesApi, stateOf } from "./kubernetes-api.ts";

const FAIL_LIMIT_MS = 60_000;
const RUN_LIMIT_MS = 480_000;
/** A list of many pods costs the two cores more than a pull does. */
const LIST_POLL_MS = 500;

export interface Pods {
  /** Creates a group: `<group>-0`, `<group>-1` and so on. Returns their names. */
  create(group: string, count: number, image: (name: string) => string, spec?: object): Promise<string[]>;
  /** Returns once the kubelet has removed them. */
  removeGroup(group: string): Promise<void>;
  untilRunning(names: readonly string[]): Promise<void>;
  /** Reads events, because polling can miss a short state. */
  untilFailed(pod: string, ...reasons: readonly string[]): Promise<void>;
  /** Messages about pods whose names begin so. */
  failures(prefix: string): Promise<string[]>;
  /** How often the kubelet has tried to pull. */
  tries(pod: string): Promise<number>;
  /** The runtime's ids of running containers, which change with a restart. */
  containers(): Promise<string[]>;
}

export function createPods(api: KubernetesApi): Pods {
  const running = async () => (await api.pods()).filter((pod) => stateOf(pod) === "Running");

  async function failures(prefix: string): Promise<string[]> {
    return (await api.events()).flatMap(({ reason, message, involvedObject }) =>
      reason === "Failed" && involvedObject.name.startsWith(prefix) ? [message] : [],
    );
  }

  return {
    failures,
    async create(group, count, image, spec) {
      const names = Array.from({ length: count }, (_, index) => `${group}-${index}`);
      for (const name of names) await api.createPod(name, image(name), spec);
      return names;
    },
    async removeGroup(group) {
      await api.removePods(group);
      const isGone = async () => (await api.pods()).every(({ metadata }) => !metadata.name.startsWith(`${group}-`));
      await until(`${group} is gone`, isGone, RUN_LIMIT_MS, LIST_POLL_MS);
    },
    async untilRunning(names) {
      let missing: string[] = [];
      const isSo = async () => {
        const states = new Map((await api.pods()).map((pod) => [pod.metadata.name, stateOf(pod)]));
        missing = names.flatMap((name) => (states.get(name) === "Running" ? [] : `${name}: ${states.get(name)}`));
        return missing.length === 0;
      };
      await until("all run", isSo, RUN_LIMIT_MS, LIST_POLL_MS).catch(async () => {
        const said = (await api.events()).map(({ reason, message }) => `${reason}: ${message}`);
        expect(missing, `pods that do not run; the last events:\n${said.slice(-20).join("\n")}`).toEqual([]);
      });
    },
    async untilFailed(pod, ...reasons) {
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
    async tries(pod) {
      return (await api.events())
        .filter(({ reason, involvedObject }) => reason === "Pulling" && involvedObject.name === pod)
        .reduce((sum, { count = 1 }) => sum + count, 0);
    },
    containers: async () =>
      (await running()).map(({ status }) => status.containerStatuses?.[0]?.containerID ?? "").sort(),
  };
}
