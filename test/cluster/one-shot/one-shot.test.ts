/**
 * Measures the alternative to a daemon beside it, against two equal simulators: what docs/decisions/0025-why-a-daemon.md states. Each test
 * is a row of its table. Needs no Kubernetes: kubelet.ts is a model of the kubelet's part.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Simulator, type SimulatorOptions, startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { expect, it, onTestFinished } from "vitest";
import { medianOf } from "../../bench/median.ts";
import { BROKER, type DaemonOptions, daemonConfig, LAUNCHED, SHIM, startDaemon } from "../../daemon.ts";
import { isShortRun } from "../can-run-cluster.ts";
import { createKubelet, type Kubelet } from "./kubelet.ts";

const PLUGIN = join(import.meta.dirname, "plugin.sh");
const PAGE = readFileSync(join(import.meta.dirname, "../../../docs/decisions/0025-why-a-daemon.md"), "utf8");
const REGISTRY_HOST = "icn.ocir.io";
const PODS = 100;
/** Of a token, where a test waits for its end. */
const LIFE_MS = 40_000;
/** A token that is renewed at half of its life, 10 % early or late, lasts for half of the outage at least; a pull takes its time too. */
const SURE_SHARE = 0.3;
const THROTTLED_PODS = 20;
const THROTTLED_MS = 10_000;
const LATE_GROUP_LIMIT_MS = 60_000;

type Architecture = "one-shot" | "daemon";

interface Node {
  readonly kubelet: Kubelet;
  readonly simulator: Simulator;
}

async function startNode(
  architecture: Architecture,
  { tokenLifeMs, ...options }: Partial<DaemonOptions> & Pick<SimulatorOptions, "tokenLifeMs"> = {},
): Promise<Node> {
  const folder = temporaryFolder();
  const simulator = await startSimulator(tokenLifeMs === undefined ? {} : { tokenLifeMs });
  onTestFinished(() => simulator.close());
  const config = daemonConfig(folder, simulator, { registryHosts: [REGISTRY_HOST], ...options });
  const registry = { registryHost: REGISTRY_HOST, registryUrl: simulator.registryUrl };
  if (architecture === "daemon") {
    const daemon = await startDaemon(config, ...LAUNCHED);
    onTestFinished(() => daemon.stop());
    const env = { OCIR_BROKER_SOCKET: config.credentialsSocket };
    return { simulator, kubelet: createKubelet({ ...registry, plugin: SHIM, env }) };
  }
  const tokens = join(folder, "tokens");
  mkdirSync(tokens);
  const env = { ONE_SHOT_FOLDER: tokens, ONE_SHOT_GET: `${BROKER} get --config ${config.path}` };
  return { simulator, kubelet: createKubelet({ ...registry, plugin: PLUGIN, env }) };
}

const startBoth = (options: Parameters<typeof startNode>[1] = {}): Promise<[oneShot: Node, daemon: Node]> =>
  Promise.all([startNode("one-shot", options), startNode("daemon", options)]);

const pullOf = ({ kubelet }: Node, repository = "acme/web") => kubelet.pull({ repository });

/** How many of so many different images, pulled at once, are read. */
async function pullAtOnce({ kubelet }: Node, group: string, count = PODS): Promise<number> {
  const pods = Array.from({ length: count }, (_, index) => ({ repository: `acme/${group}-${index}` }));
  return (await Promise.all(pods.map(kubelet.pull))).filter(Boolean).length;
}

const long = it.skipIf(isShortRun);

/** Each test is a row of the page, whose columns are the one-shot plugin and the daemon. */
function row(title: string, test: () => Promise<void>, run: typeof long = it): void {
  run(title, async () => {
    expect(PAGE).toContain(`| ${title} |`);
    await test();
  });
}

row("100 pods at once, cold", async () => {
  for (const node of await startBoth()) {
    expect(await pullAtOnce(node, "cold")).toBe(PODS);
    const requests = node.simulator.requests();
    expect([requests["auth.x509"], requests["registry.token"]]).toEqual([1, 1]);
    console.info("slowest call, ms:", Math.max(...node.kubelet.callsMs));
  }
});

row("100 more pods, warm", async () => {
  const [oneShot, daemon] = await startBoth();
  for (const node of [oneShot, daemon]) await pullOf(node);
  for (const node of [oneShot, daemon]) {
    node.kubelet.callsMs.length = 0;
    expect(await pullAtOnce(node, "warm")).toBe(PODS);
  }
  expect(oneShot.kubelet.callsMs).toEqual([]);
  expect(daemon.kubelet.callsMs).toHaveLength(PODS);
  console.info("median call of the daemon, ms:", medianOf(daemon.kubelet.callsMs));
});

row(
  "outage of 2/3 of a token's life, on a node that pulls often",
  async () => {
    const nodes = await startBoth({ tokenLifeMs: LIFE_MS });
    const outages = await Promise.all(nodes.map((node) => outage(node, LIFE_MS / 20)));
    console.info("during the outage:", outages);
    for (const { share } of outages) expect(share).toBeGreaterThan(SURE_SHARE);
  },
  long,
);

row(
  "outage of 2/3 of a token's life, on a node that last pulled a life ago",
  async () => {
    const nodes = await startBoth({ tokenLifeMs: LIFE_MS });
    const [oneShot, daemon] = await Promise.all(nodes.map((node) => outage(node, LIFE_MS)));
    console.info("during the outage:", [oneShot, daemon]);
    expect(oneShot?.share).toBe(0);
    expect(daemon?.share).toBeGreaterThan(SURE_SHARE);
  },
  long,
);

/** Pulls for one life of a token, then through the outage. `share` is that of the pulls that work then, `slowestMs` is the longest of them. */
async function outage(node: Node, everyMs: number): Promise<{ share: number; slowestMs: number }> {
  expect(await pullOf(node)).toBe(true);
  for (let elapsedMs = everyMs; elapsedMs < LIFE_MS; elapsedMs += everyMs) {
    await sleep(everyMs);
    expect(await pullOf(node)).toBe(true);
  }
  await sleep(everyMs);
  node.simulator.faults({ endpoint: ["metadata.*", "auth.*", "registry.token"], status: 503 });
  const pulls: boolean[] = [];
  let slowestMs = 0;
  const endsAtMs = performance.now() + (2 / 3) * LIFE_MS;
  while (performance.now() < endsAtMs) {
    const startedAtMs = performance.now();
    const isPulled = await pullOf(node);
    pulls.push(isPulled);
    if (isPulled) slowestMs = Math.max(slowestMs, performance.now() - startedAtMs);
    await sleep(LIFE_MS / 20);
  }
  return { share: pulls.filter(Boolean).length / pulls.length, slowestMs };
}

row("the policy comes after the token", async () => {
  for (const node of await startBoth()) {
    node.simulator.iam({ granted: false });
    expect(await pullOf(node)).toBe(false);
    node.simulator.iam({ granted: true });
    expect(await pullOf(node)).toBe(true);
  }
});

row("the dynamic group comes after the token", async () => {
  const [oneShot, daemon] = await startBoth();
  for (const node of [oneShot, daemon]) {
    node.simulator.iam({ dynamicGroup: false });
    expect(await pullOf(node)).toBe(false);
    node.simulator.iam({ dynamicGroup: true });
  }
  const startedAtMs = performance.now();
  await until("the daemon's token knows the group", () => pullOf(daemon), LATE_GROUP_LIMIT_MS, 1_000);
  console.info("the daemon's node pulls after, s:", (performance.now() - startedAtMs) / 1_000);
  expect(await pullOf(oneShot)).toBe(false);
});

row("two service accounts", async () => {
  for (const { kubelet, simulator } of await startBoth({ serviceAccounts: {} })) {
    const accounts = await Promise.all(
      ["shop", "depot"].map(async (namespace) => {
        const name = `${namespace}/puller`;
        simulator.iam({ repository: `acme/${namespace}`, serviceAccount: name, granted: true });
        return { name, token: await simulator.serviceAccountToken({ namespace, serviceAccount: "puller" }) };
      }),
    );
    const pulls = accounts.flatMap((serviceAccount) =>
      ["shop", "depot"].map((repository) => kubelet.pull({ repository: `acme/${repository}`, serviceAccount })),
    );
    expect(await Promise.all(pulls)).toEqual([true, false, false, true]);
  }
});

row("the metadata service throttles for 10 s, 20 pods at once, cold", async () => {
  const runs = await Promise.all((await startBoth()).map(pullWhileThrottled));
  console.info("throttled:", runs);
  for (const { pulled, refused } of runs) {
    expect(pulled).toBe(THROTTLED_PODS);
    expect(refused).toBeLessThan(THROTTLED_PODS);
  }
});

row("the same with a deadline of 3 s for each fetch", async () => {
  const nodes = await startBoth({ deadline: "3s" });
  const runs = await Promise.all(nodes.map(pullWhileThrottled));
  console.info("throttled, with a short deadline:", runs);
  expect(runs.map(({ pulled }) => pulled > 0)).toEqual([true, false]);
  for (const node of nodes) await until("the next pull works", () => pullOf(node));
});

/** `refused`: how many requests the metadata service got while it throttled. */
async function pullWhileThrottled(node: Node): Promise<{ pulled: number; slowestMs: number; refused: number }> {
  node.simulator.faults({ endpoint: "metadata.*", status: 429, retryAfter: 1 });
  const pulls = pullAtOnce(node, "throttled", THROTTLED_PODS);
  await sleep(THROTTLED_MS);
  const refused = metadataRequests(node.simulator);
  node.simulator.clearFaults();
  return { pulled: await pulls, slowestMs: Math.max(...node.kubelet.callsMs), refused };
}

function metadataRequests(simulator: Simulator): number {
  const counts = Object.entries(simulator.requests()).filter(([endpoint]) => endpoint.startsWith("metadata."));
  return counts.reduce((sum, [, count]) => sum + count, 0);
}
