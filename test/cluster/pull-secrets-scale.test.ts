/** 2 000 pull secrets in 2 000 namespaces, on a real API server: time, requests, memory. `npm run test:long` runs it. */
import type { V1Lease, V1Pod } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { ATTACKS_ON_PORT } from "../hostile-clients.ts";
import { describeUnless } from "../system/describe-unless.ts";
import { isLongRun } from "../system/long-run.ts";
import { NODE } from "../system/simulated-node.ts";
import { canRunCluster } from "./can-run-cluster.ts";
import { containerIdOf, processesOf } from "./container-runtime.ts";
import { ADMIN_TOKEN, API_SERVER, CLUSTER_CA, createApi } from "./kubernetes-api.ts";
import { lackOfPodNetwork } from "./pod-network.ts";
import { NEWEST_MINOR } from "./programs.ts";
import { CONTROLLER, RELEASE_NAMESPACE } from "./pull-secret-objects.ts";
import { LEASE, type PullSecretsCluster, startPullSecretsCluster } from "./pull-secrets-cluster.ts";
import { API_SERVER_UNIT } from "./services.ts";

const RESOURCES = 2_000;
const READY_LIMIT_S = 240;
const REQUESTS_LIMIT = 4;
const MEMORY_LIMIT_MIB = 120;
const AUDIT_POLICY = "/etc/kubernetes/audit-policy.yaml";
const AUDIT_LOG = "/var/log/kubernetes-audit.log";
/** The controller's requests for its resources, once each: not those for the Lease, and no lists and watches. */
const POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    { level: "None", resources: [{ group: "coordination.k8s.io" }] },
    { level: "Metadata", users: [CONTROLLER], verbs: ["create", "patch", "get"] },
    { level: "None" },
  ],
} as const;
const ATTACK_S = 60;
const WAIT_MS = 900_000;
const POLL_MS = 1_000;

const skipped = isLongRun ? (canRunCluster([NEWEST_MINOR]) ?? lackOfPodNetwork()) : "only in test:long";

describeUnless(skipped, `${RESOURCES} pull secrets on a real API server`, () => {
  let cluster: PullSecretsCluster;

  beforeAll(async () => {
    cluster = await startPullSecretsCluster({
      minor: NEWEST_MINOR,
      apiServerFlags: [`--audit-policy-file=${AUDIT_POLICY}`, `--audit-log-path=${AUDIT_LOG}`],
      files: [{ from: { text: JSON.stringify(POLICY) }, to: AUDIT_POLICY }],
    });
    return () => cluster.node.stop();
  });

  const run = (command: string, ...args: string[]) => cluster.node.root.run(command, args, { timeoutMs: WAIT_MS });
  const exchanges = async () => (await cluster.node.cloudRequests())["cluster.tokenExchange"] ?? 0;
  const requests = async () => Number(await run("sh", "-c", `wc -l <${AUDIT_LOG}`));

  /** Resources that have a token, by the metrics of the leader. */
  async function issued(): Promise<number> {
    const address = (await cluster.leader())?.status?.podIP;
    const { stdout } = await cluster.node.root.exec("curl", ["-sS", `http://${address}:8080/metrics`]);
    return Number(/^ocir_pull_secrets_resources\{reason="Issued"\} (\d+)$/m.exec(stdout)?.[1] ?? 0);
  }
  const untilIssued = () => until("all are issued", async () => (await issued()) === RESOURCES, WAIT_MS, POLL_MS);

  async function processorSeconds(unit: string): Promise<number> {
    const pid = await cluster.node.root.property(unit, "MainPID");
    return Number(await run("ps", "-o", "cputimes=", "-p", pid));
  }

  /** Memory that the leader shares with no other process, in MiB. */
  async function privateMemoryMiB(): Promise<number> {
    const id = containerOf(await cluster.leader());
    const [pid] = await processesOf(cluster.node.root, id);
    const rollup = await run("cat", `/proc/${pid}/smaps_rollup`);
    const parts = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)];
    return Math.round(parts.reduce((sum, [, kB]) => sum + Number(kB), 0) / 1_024);
  }

  it(`are ready within ${READY_LIMIT_S} s, with at most ${REQUESTS_LIMIT} requests each and ${MEMORY_LIMIT_MIB} MiB`, async () => {
    await cluster.scale(0);
    const script = "/opt/checkout/test/cluster/create-tenants.ts";
    await run(NODE, script, String(RESOURCES), API_SERVER, CLUSTER_CA, ADMIN_TOKEN);
    const units = [API_SERVER_UNIT, "cluster-etcd"];
    const before = { requests: await requests(), processor: await Promise.all(units.map(processorSeconds)) };
    const startedAtMs = performance.now();
    await cluster.scale(2);
    await untilIssued();
    const tookS = Math.round((performance.now() - startedAtMs) / 1_000);
    const each = ((await requests()) - before.requests) / RESOURCES;
    const [apiServer, etcd] = (await Promise.all(units.map(processorSeconds))).map(
      (seconds, index) => seconds - (before.processor[index] ?? 0),
    );
    const memory = await privateMemoryMiB();
    console.info(
      `${RESOURCES} resources are ready after ${tookS} s, ${await exchanges()} token exchanges; ${each} requests each;`,
      `${memory} MiB; processor of the API server ${apiServer} s, of etcd ${etcd} s`,
    );
    expect((await cluster.resources()).filter(({ status }) => status?.conditions[0]?.status !== "True")).toEqual([]);
    expect(tookS).toBeLessThanOrEqual(READY_LIMIT_S);
    expect(each).toBeLessThanOrEqual(REQUESTS_LIMIT);
    expect(memory).toBeLessThanOrEqual(MEMORY_LIMIT_MIB);
  });

  /** The leader since when, restarts of both replicas, and probes without a response within a second. */
  async function health() {
    const api = createApi(cluster.node.root, RELEASE_NAMESPACE);
    const pods = (await api.pods()).map(({ status }) => status?.containerStatuses?.[0]?.restartCount);
    const { spec } = (await cluster.node.api.request("GET", LEASE)) as V1Lease;
    const unhealthy = (await api.events()).flatMap(({ reason, count }) => (reason === "Unhealthy" ? [count] : []));
    return { holder: spec?.holderIdentity, since: spec?.acquireTime, pods, unhealthy };
  }

  // From the node's address, from which the kubelet's probes come too.
  it.each(ATTACKS_ON_PORT)(
    `keep their leader for ${ATTACK_S} s of %s, and each probe gets a response`,
    async (attack) => {
      const before = await health();
      const program = [
        NODE,
        "/opt/checkout/test/hostile-clients.ts",
        `${(await cluster.leader())?.status?.podIP}:8080`,
      ];
      const { stdout } = await cluster.node.root.exec(
        "timeout",
        ["--signal=KILL", String(ATTACK_S), ...program, attack],
        {
          timeoutMs: WAIT_MS,
        },
      );
      expect(stdout).toBe("connected\n");
      expect(await health()).toEqual(before);
      expect(await issued()).toBe(RESOURCES);
    },
  );

  it("need no token exchange and no write after a restart", async () => {
    const [exchanged, requested] = [await exchanges(), await requests()];
    const before = containerOf(await cluster.leader());
    await cluster.killLeader();
    // The same pod with a new container, or the other one.
    const isNew = async () => ![before, "none"].includes(containerOf(await cluster.leader()));
    await until("another container leads", isNew, WAIT_MS, POLL_MS);
    await untilIssued();
    expect([await exchanges(), await requests()]).toEqual([exchanged, requested]);
    console.info(`the next leader has ${await privateMemoryMiB()} MiB`);
  });
});

function containerOf(pod: V1Pod | undefined): string {
  return containerIdOf(pod?.status?.containerStatuses?.[0]) ?? "none";
}
