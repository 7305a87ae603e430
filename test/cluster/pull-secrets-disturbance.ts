/** Pulls each second while leaders are killed and the API server is away, as a real kubelet's users see it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { CoreV1Event, V1PodList } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import { createApi, stateOf } from "./kubernetes-api.ts";
import { NAME } from "./pull-secret-objects.ts";
import type { PullSecretsCluster } from "./pull-secrets-cluster.ts";

const GROUP = "pull";
const EVERY_MS = 1_000;
const KILL_EVERY_S = 45;
/** Between an absence of the API server and a kill. */
const APART_S = 20;
const AWAY_S = 30;
const LAST_PULLS_LIMIT_MS = 240_000;

export interface Disturbances {
  readonly kills: number;
  /** How long the API server did not answer, each time. */
  readonly awayS: readonly number[];
}

/** Kills the leader every 45 s for `durationS`, and at the end of this time stops the API server for 30 s so many times. */
export async function disturb(
  { node, killLeader }: PullSecretsCluster,
  durationS: number,
  absences: number,
): Promise<Disturbances> {
  let kills = 0;
  const awayS: number[] = [];
  const kill = async () => {
    await until("a leader runs and is killed", killLeader, 60_000);
    kills += 1;
  };
  const startMs = absences === 0 ? 0 : await timeOf(node.restartApiServer);
  const withAbsencesS = absences * (2 * APART_S + AWAY_S);
  for (let leftS = durationS - withAbsencesS; leftS > 0; leftS -= KILL_EVERY_S) {
    await kill();
    await sleep(Math.min(leftS, KILL_EVERY_S) * 1_000);
  }
  for (let count = 0; count < absences; count++) {
    await kill();
    await sleep(APART_S * 1_000);
    const stoppedAtMs = performance.now();
    await node.stopApiServer();
    await sleep(AWAY_S * 1_000 - startMs);
    await node.startApiServer();
    awayS.push(Math.round((performance.now() - stoppedAtMs) / 1_000));
    await sleep(APART_S * 1_000);
  }
  return { kills, awayS };
}

/** In milliseconds, at most as long as an absence of the API server. */
async function timeOf(work: () => Promise<void>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return Math.min(performance.now() - startedAtMs, AWAY_S * 1_000);
}

/**
 * A pod is created each second, in one namespace after the other, and removed as soon as it runs: a kubelet without pods that name a
 * Secret has no watch of it, which would reconnect a minute after the API server's return. Returns the number of pulls.
 */
export async function pullUntil(
  { node, image }: PullSecretsCluster,
  namespaces: readonly string[],
  isOver: () => boolean,
): Promise<number> {
  const apis = namespaces.map((namespace) => createApi(node.root, namespace));
  const waiting = new Set<string>();
  async function removeRunning(): Promise<void> {
    const { items } = (await node.api.request("GET", `/api/v1/pods?labelSelector=group%3D${GROUP}`)) as V1PodList;
    for (const pod of items) {
      const { namespace, name = "" } = pod.metadata ?? {};
      if (stateOf(pod) !== "Running" || !waiting.delete(name)) continue;
      await node.api.request("DELETE", `/api/v1/namespaces/${namespace}/pods/${name}`, { gracePeriodSeconds: 0 });
    }
  }
  let pulls = 0;
  for (let atMs = performance.now(); !isOver(); await sleep(Math.max(0, atMs - performance.now()))) {
    atMs = Math.max(atMs + EVERY_MS, performance.now());
    const index = pulls % namespaces.length;
    const name = `${GROUP}-${pulls}`;
    try {
      await removeRunning();
      await apis[index]?.createPod(name, image(namespaces[index] ?? ""), { imagePullSecrets: [{ name: NAME }] });
    } catch {
      // The API server is away.
      continue;
    }
    waiting.add(name);
    pulls += 1;
  }
  const haveRun = async () => {
    await removeRunning();
    return waiting.size === 0;
  };
  await until("all pods have run", haveRun, LAST_PULLS_LIMIT_MS).catch(() => {});
  return pulls;
}

/** What the kubelet says about pods of the group that it could not start. */
export async function failedPulls({ node }: PullSecretsCluster): Promise<string[]> {
  const { items } = (await node.api.request("GET", "/api/v1/events")) as { items: CoreV1Event[] };
  return items.flatMap(({ reason, message, involvedObject, firstTimestamp }) =>
    reason === "Failed" && involvedObject.name?.startsWith(`${GROUP}-`)
      ? [`${firstTimestamp} ${involvedObject.namespace}/${involvedObject.name}: ${message}`]
      : [],
  );
}
