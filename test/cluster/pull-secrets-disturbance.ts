/** Pulls each second while leaders are killed and the API server is away, as a real kubelet's users see it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { CoreV1Event, V1Pod } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import { createApi, stateOf } from "./kubernetes-api.ts";
import { imageOf } from "./node-files.ts";
import { NAME } from "./pull-secret-objects.ts";
import type { PullSecretsCluster } from "./pull-secrets-cluster.ts";

const GROUP = "pull";
const EVERY_MS = 1_000;
const KILL_EVERY_S = 45;
/** Between an absence of the API server and a kill. */
const APART_S = 20;
/** And as long as its start takes. */
const AWAY_S = 30;
const LAST_PULLS_LIMIT_MS = 240_000;

/**
 * Kills the leader every 45 s for `durationS`, and at the end of this time stops the API server so many times.
 */
export async function disturb(
  { node, killLeader }: PullSecretsCluster,
  { pause, resume }: Pick<Pulls, "pause" | "resume">,
  { durationS, absences }: { readonly durationS: number; readonly absences: number },
): Promise<void> {
  const kill = () => until("a leader runs and is killed", killLeader, 60_000);
  const withAbsencesS = absences * (2 * APART_S + AWAY_S);
  for (let leftS = durationS - withAbsencesS; leftS > 0; leftS -= KILL_EVERY_S) {
    await kill();
    await sleep(Math.min(leftS, KILL_EVERY_S) * 1_000);
  }
  for (let count = 0; count < absences; count++) {
    await kill();
    await sleep(APART_S * 1_000);
    await pause();
    await node.stopApiServer();
    await sleep(AWAY_S * 1_000);
    await node.startApiServer();
    resume();
    await sleep(APART_S * 1_000);
  }
}

export type Pulls = ReturnType<typeof createPulls>;

/**
 * A pod is created each second, in one namespace after the other, and removed as soon as it runs. A kubelet watches the Secrets of the
 * pods that it has. After an absence of the API server it may wait for a minute before it watches again, and use what it has until then:
 * this has its own arithmetic in docs/pull-secrets.md, and would here hide what the controller does. So it has no pod in an absence.
 */
export function createPulls({ node }: PullSecretsCluster, namespaces: readonly string[]) {
  const apis = namespaces.map((namespace) => createApi(node.root, namespace));
  const waiting = new Set<string>();
  let isPaused = false;
  let pulls = 0;

  async function removeRunning(): Promise<void> {
    for (const pod of await node.api.list<V1Pod>(`/api/v1/pods?labelSelector=group%3D${GROUP}`)) {
      const { namespace, name = "" } = pod.metadata ?? {};
      if (stateOf(pod) !== "Running" || !waiting.delete(name)) continue;
      await node.api.request("DELETE", `/api/v1/namespaces/${namespace}/pods/${name}`, { gracePeriodSeconds: 0 });
    }
  }

  async function create(): Promise<void> {
    const index = pulls % namespaces.length;
    const name = `${GROUP}-${pulls}`;
    waiting.add(name);
    pulls += 1;
    await apis[index]?.createPod(name, imageOf(namespaces[index] ?? ""), { imagePullSecrets: [{ name: NAME }] });
  }

  async function haveRun(): Promise<boolean> {
    await removeRunning();
    return waiting.size === 0;
  }

  return {
    async run(isOver: () => boolean): Promise<void> {
      for (let atMs = performance.now(); !isOver(); await sleep(Math.max(0, atMs - performance.now()))) {
        atMs = Math.max(atMs + EVERY_MS, performance.now());
        if (isPaused) continue;
        await removeRunning();
        await create();
      }
      await until("all pods have run", haveRun, LAST_PULLS_LIMIT_MS).catch(() => {});
    },
    /** Resolves when the kubelet has no pod of the group. */
    async pause(): Promise<void> {
      isPaused = true;
      const isGone = async () => (await haveRun()) && !(await node.kubeletPods()).includes(`"${GROUP}-`);
      await until("the kubelet has no pod of the group", isGone, LAST_PULLS_LIMIT_MS);
    },
    resume(): void {
      isPaused = false;
    },
  };
}

/**
 * @returns what the kubelet says about pods of the group that it could not start, but for those that it pulled without the Secret at first,
 * because the API server took longer than the kubelet's second.
 */
export async function failedPulls({ node }: PullSecretsCluster): Promise<string[]> {
  const journal = await node.root.journal("kubelet");
  const unread = [...journal.matchAll(/pod="([^"]+)" .*err="failed to sync secret cache/g)].map(([, pod = ""]) => pod);
  const events = await node.api.list<CoreV1Event>("/api/v1/events");
  return events.flatMap(({ reason, message, involvedObject: { namespace, name }, firstTimestamp }) => {
    const isFailure = reason === "Failed" && name?.startsWith(`${GROUP}-`) && !unread.includes(`${namespace}/${name}`);
    return isFailure ? [`${firstTimestamp} ${namespace}/${name}: ${message}`] : [];
  });
}
