/** Pulls each second while leaders are killed and the API server is away, as a real kubelet's users see it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { CoreV1Event } from "@kubernetes/client-node";
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
  readonly absences: number;
}

/** Kills the leader every 45 s for `durationS`, and at the end of this time stops the API server for 30 s so many times. */
export async function disturb(
  { node, killLeader }: PullSecretsCluster,
  durationS: number,
  absences: number,
): Promise<Disturbances> {
  let kills = 0;
  const kill = async () => {
    await until("a leader runs and is killed", killLeader, 60_000);
    kills += 1;
  };
  const withAbsencesS = absences * (2 * APART_S + AWAY_S);
  for (let leftS = durationS - withAbsencesS; leftS > 0; leftS -= KILL_EVERY_S) {
    await kill();
    await sleep(Math.min(leftS, KILL_EVERY_S) * 1_000);
  }
  for (let count = 0; count < absences; count++) {
    await kill();
    await sleep(APART_S * 1_000);
    await node.stopApiServer();
    await sleep(AWAY_S * 1_000);
    await node.startApiServer();
    await sleep(APART_S * 1_000);
  }
  return { kills, absences };
}

/** A pod is created each second, in one namespace after the other, and removed when it runs. Returns the number of pulls. */
export async function pullUntil(
  { node, image }: PullSecretsCluster,
  namespaces: readonly string[],
  isOver: () => boolean,
): Promise<number> {
  const apis = namespaces.map((namespace) => createApi(node.root, namespace));
  const waiting = apis.map(() => new Set<string>());
  const remove = async (index: number): Promise<boolean> => {
    const pods = (await apis[index]?.pods()) ?? [];
    for (const pod of pods) {
      const name = pod.metadata?.name ?? "";
      if (stateOf(pod) !== "Running" || !waiting[index]?.delete(name)) continue;
      await apis[index]?.request("DELETE", `/api/v1/namespaces/${namespaces[index]}/pods/${name}`, {
        gracePeriodSeconds: 0,
      });
    }
    return waiting[index]?.size === 0;
  };
  let pulls = 0;
  for (let atMs = performance.now(); !isOver(); await sleep(atMs - performance.now())) {
    atMs = Math.max(atMs + EVERY_MS, performance.now());
    const index = pulls % namespaces.length;
    const name = `${GROUP}-${pulls}`;
    try {
      await remove(index);
      await apis[index]?.createPod(name, image(namespaces[index] ?? ""), { imagePullSecrets: [{ name: NAME }] });
    } catch {
      // The API server is away.
      continue;
    }
    waiting[index]?.add(name);
    pulls += 1;
  }
  for (const index of apis.keys())
    await until(`all pods of ${namespaces[index]} have run`, () => remove(index), LAST_PULLS_LIMIT_MS);
  return pulls;
}

/** What the kubelet says about pods of the group that it could not start. */
export async function failedPulls({ node }: PullSecretsCluster): Promise<string[]> {
  const { items } = (await node.api.request("GET", "/api/v1/events")) as { items: CoreV1Event[] };
  return items.flatMap(({ reason, message, involvedObject }) =>
    reason === "Failed" && involvedObject.name?.startsWith(`${GROUP}-`) ? [`${involvedObject.name}: ${message}`] : [],
  );
}
