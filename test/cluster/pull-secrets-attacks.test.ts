/**
 * Attacks of owners of a namespace on the controller of pull secrets, in the chart's limits and with its probes, and what its next start
 * does with their objects. The policy for their resources is removed, because it only comes on top.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod, V1Secret } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { TOKENS_ANNOTATION } from "../../packages/pull-secrets/src/objects/pull-secret.ts";
import { lackOfTime } from "./can-run-cluster.ts";
import { describeCluster } from "./describe-cluster.ts";
import { givenPullSecrets } from "./given.ts";
import { NODE_REQUESTS } from "./node-requests.ts";
import { lackOfPodNetwork } from "./pod-network.ts";
import { DEPLOYMENT } from "./pull-secrets-cluster.ts";

const ATTACK_S = 60;
const AFTER_RESTART_S = 20;
const TENANTS = 100;
/** Renewed after 40 to 50 s, so each token during each attack. */
const LIFE_S = 90;
/** When the attack has begun. */
const NEWCOMER_AFTER_MS = 10_000;
const NEWCOMER_LIMIT_S = 15;
const BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
const SAMPLE_MS = 2_000;
const LIMIT_MS = 400_000;
const NODE = "/opt/checkout/node_modules/.bin/node";
/** With the kubelet's time limit. Prints the status and the seconds of each probe. */
const PROBE = `
end=$(($(date +%s) + $1)); shift
while [ "$(date +%s)" -lt "$end" ]; do
  for url; do curl -sS -m 1 -o /dev/null -w '%{http_code} %{time_total}\\n' "$url" 2>/dev/null; done
  sleep 0.5
done
true
`;

const ATTACKS = ["two large Secrets", "320 large resources", "resources of unlisted names"];

describeCluster("attacks on the controller of pull secrets", declareTests, lackOfTime ?? lackOfPodNetwork());

function declareTests(minor: number): void {
  const cluster = givenPullSecrets({ minor, tokenLifeS: LIFE_S });

  beforeAll(async () => {
    const { api } = cluster.node;
    for (const { metadata } of await api.list<V1Pod>(BINDINGS))
      if (metadata?.name !== "ocir-pull-secrets") await api.request("DELETE", `${BINDINGS}/${metadata?.name}`);
    await run(NODE, "/opt/checkout/test/cluster/create-tenants.ts", String(TENANTS));
    for (let index = 0; index < TENANTS; index++) await cluster.untilReason(`tenant-${index}`, "Issued");
  });

  const run = (command: string, ...args: string[]) =>
    cluster.node.root.run(command, args, { timeoutMs: LIMIT_MS, env: NODE_REQUESTS });
  const secretsPath = "/api/v1/secrets?labelSelector=app.kubernetes.io/managed-by%3Docir-broker";
  const tokens = async () => (await cluster.node.api.list<V1Secret>(secretsPath)).flatMap(tokensIn);
  const attack = (kind: string) => run(NODE, "/opt/checkout/test/cluster/attack.ts", kind, String(ATTACK_S));

  async function failedProbes(seconds: number): Promise<string[]> {
    const urls = (await cluster.inRelease.pods()).flatMap(({ status }) =>
      ["healthz", "readyz"].map((path) => `http://${status?.podIP}:8080/${path}`),
    );
    const lines = (await run("sh", "-c", PROBE, "sh", String(seconds), ...urls)).split("\n");
    return [`of ${lines.length}`, ...lines.filter((line) => !line.startsWith("200 "))];
  }

  /** Seconds by which the latest renewal was late, and how many tokens expired. */
  async function watchTokens(seconds: number): Promise<{ readonly latestS: number; readonly expired: number }> {
    const endsAtMs = performance.now() + seconds * 1_000;
    let [latestS, expired] = [0, 0];
    while (performance.now() < endsAtMs) {
      const seen = await tokens();
      const nowMs = Date.now();
      latestS = Math.max(latestS, ...seen.map(({ renew }) => (nowMs - Date.parse(renew)) / 1_000));
      expired = Math.max(expired, seen.filter(({ expires }) => Date.parse(expires) <= nowMs).length);
      await sleep(SAMPLE_MS);
    }
    return { latestS: Math.round(latestS), expired };
  }

  async function secondsUntilReady(namespace: string): Promise<number> {
    await cluster.createTenant(namespace);
    await sleep(NEWCOMER_AFTER_MS);
    const startedAtMs = performance.now();
    await cluster.createResource(namespace);
    const isIssued = await cluster.untilReason(namespace, "Issued").catch(() => undefined);
    if (isIssued === undefined) return Number.POSITIVE_INFINITY;
    return Math.round((performance.now() - startedAtMs) / 1_000);
  }

  async function ends() {
    const lost = 'cat /var/log/pods/ocir-pull-secrets_*/*/*.log | grep -c "this replica pauses" || true';
    return { ...(await cluster.health()), lostLeases: Number(await run("sh", "-c", lost)) };
  }

  async function observe(name: string, seconds: number) {
    const before = await ends();
    const watching = [failedProbes(seconds), watchTokens(seconds), secondsUntilReady(name)] as const;
    const [probes, late, readyS] = await Promise.all(watching);
    return { before, after: await ends(), probes, late, readyS };
  }

  function check(what: string, { before, after, probes, late, readyS }: Awaited<ReturnType<typeof observe>>): void {
    console.info(`${what}: failed probes`, probes, late, `a new resource is ready after ${readyS} s`, before, after);
    expect([after, probes.length - 1, late.expired]).toEqual([before, 0, 0]);
    expect(readyS).toBeLessThanOrEqual(NEWCOMER_LIMIT_S);
  }

  it.each(ATTACKS)("%s: no restart, no lost Lease, no late probe, no late renewal", async (kind) => {
    const name = kind.toLowerCase().replaceAll(" ", "-");
    const [observed, said] = await Promise.all([observe(`during-${name}`, ATTACK_S), attack(kind)]);
    check(`${kind} ${said}`, observed);
    const template = { metadata: { annotations: { restarted: name } } };
    await cluster.node.api.request("PATCH", DEPLOYMENT, { spec: { template } });
    await cluster.untilRolledOut();
    await until("only the new replicas are left", async () => (await cluster.inRelease.pods()).length === 2, LIMIT_MS);
    await cluster.untilRolledOut();
    check(`after a restart, ${kind}`, await observe(`after-${name}`, AFTER_RESTART_S));
  });
}

function tokensIn({ metadata }: V1Secret) {
  const text = metadata?.annotations?.[TOKENS_ANNOTATION] ?? '{"tokens":{}}';
  return Object.values<{ readonly renew: string; readonly expires: string }>(JSON.parse(text).tokens);
}
