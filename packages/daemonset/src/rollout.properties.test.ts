/** Days of a rollout on 20 nodes (the long run: 30 days), and of a removal, with failing kubelets, full disks, killed pods and outages. */
import { expect, it } from "vitest";
import {
  createSimulation,
  DAY_S,
  type Failure,
  HOUR_S,
  LEASE_SECONDS,
  MINUTE_S,
  type SimulatedNode,
  type Simulation,
} from "../test/simulation.ts";

const isLongRun = process.env["OCIR_BROKER_LONG_RUN"] === "1";
const NODES = Array.from({ length: 20 }, (_, index) => `node-${index}`);
const DAYS = isLongRun ? 30 : 2;
const SEEDS = isLongRun ? [1, 2, 3, 4, 5] : [1];
const MOST_RESTARTS = 2;
const FAULTS: readonly (Failure | "disk")[] = ["with-flags", "always", "silent", "ignores-flags", "disk"];

/** A new pod, once a kubelet is there to start it. */
function replacePod(simulation: Simulation, node: SimulatedNode): void {
  const { at, between, startPod } = simulation;
  const before = node.pod;
  const start = () => {
    if (node.pod !== before) return;
    if (node.kubelet === "stopped") at(MINUTE_S, start);
    else startPod(node);
  };
  at(between(5, 100), start);
}

function killPod(simulation: Simulation, node: SimulatedNode): void {
  node.pod?.kill();
  replacePod(simulation, node);
}

/** As the kubelet: the new one follows the end of the old one, which is killed after its time. */
function deletePod(simulation: Simulation, node: SimulatedNode): void {
  const { pod } = node;
  void pod?.terminate();
  simulation.at(LEASE_SECONDS * 0.8, () => node.pod === pod && killPod(simulation, node));
  void pod?.ended.then(() => node.pod === pod && replacePod(simulation, node));
}

/** A changed chart, which kubelets must read or not. */
function changeChart(simulation: Simulation): void {
  const { chart, nodes, at, between, random } = simulation;
  chart.revision += 1;
  if (random() < 0.5) chart.config += 1;
  for (const node of nodes) {
    // Something else has written the file of the kubelet's unit again.
    if (random() < 0.3 && chart.mode === "install") {
      Object.assign(node, { hasFlags: false, changedS: simulation.nowS() });
      simulation.startKubelet(node);
    }
    at(between(0, 10 * MINUTE_S), () => deletePod(simulation, node));
  }
}

/** What happens on average every so many days on each node, or in the cluster, until the end. */
function disturb(simulation: Simulation, endS: number): void {
  const { api, nodes, random, between, at, nowS } = simulation;
  const repeat = (meanDays: number, happen: () => void) => {
    const next = () => -Math.log(1 - random()) * meanDays * DAY_S;
    const again = () => {
      if (nowS() > endS) return;
      happen();
      at(next(), again);
    };
    at(next(), again);
  };
  for (const node of nodes) {
    repeat(0.5, () => {
      const fault = FAULTS[Math.floor(random() * FAULTS.length)];
      node.changedS = nowS();
      if (fault === "disk") node.isDiskFull = true;
      else node.failure = fault;
      at(between(10 * MINUTE_S, 12 * HOUR_S), () => simulation.heal(node));
    });
    repeat(0.5, () => killPod(simulation, node));
    repeat(1, () => deletePod(simulation, node));
    repeat(3, () => {
      api.cordon(node.name, true);
      at(between(MINUTE_S, 12 * HOUR_S), () => api.cordon(node.name, false));
    });
  }
  // Just when a kubelet restarts, too.
  repeat(0.2, () => {
    const node = nodes.find(({ name }) =>
      simulation.nodeOf(name).metadata.annotations?.["ocir-broker/try"]?.includes('"restart"'),
    );
    if (node !== undefined) killPod(simulation, node);
  });
  repeat(0.5, () => {
    if (!api.isUp) return;
    api.isUp = false;
    at(between(10, 40 * MINUTE_S), () => {
      api.isUp = true;
    });
  });
  repeat(0.7, () => simulation.chart.mode === "install" && changeChart(simulation));
}

const isFailed = ({ nodeOf, chart }: Simulation, { name }: SimulatedNode) => {
  const { lastTry } = { lastTry: JSON.parse(nodeOf(name).metadata.annotations?.["ocir-broker/try"] ?? "{}") };
  return lastTry.step === "failed" && lastTry.revision === String(chart.revision);
};

/** A person asks some failed nodes for another try, from time to time. */
function attend(simulation: Simulation, endS: number): void {
  const { nodes, nodeOf, random, at, between, nowS } = simulation;
  const look = () => {
    for (const node of nodes)
      if (isFailed(simulation, node) && !nodeOf(node.name).metadata.annotations["ocir-broker/retry"] && random() < 0.5)
        simulation.ask(node);
    if (nowS() < endS) at(between(10 * MINUTE_S, 6 * HOUR_S), look);
  };
  at(HOUR_S, look);
}

function mostRestarts(nodes: readonly SimulatedNode[]): number {
  const counts = nodes.flatMap(({ restarts }) =>
    Object.values(Object.groupBy(restarts, (each) => each)).map((all) => all?.length ?? 0),
  );
  return Math.max(0, ...counts);
}

/** The causes end, and a person asks once for each failed node. */
async function settle(simulation: Simulation): Promise<void> {
  const { nodes, api, nowS } = simulation;
  await simulation.runUntil(nowS() + DAY_S);
  api.isUp = true;
  for (const node of nodes) {
    simulation.heal(node);
    api.cordon(node.name, false);
    if (isFailed(simulation, node)) simulation.ask(node);
  }
  await simulation.runUntil(nowS() + DAY_S);
}

it.each(SEEDS)(
  `a rollout of ${DAYS} days on ${NODES.length} nodes restarts no kubelet too often, and ends, as does a removal (seed %i)`,
  async (seed) => {
    const simulation = createSimulation(seed, NODES);
    const { nodes, nodeOf, api, broken, isCurrent, chart, nowS, runUntil } = simulation;
    for (const node of nodes) simulation.startPod(node);
    for (const days of [DAYS, Math.ceil(DAYS / 5)]) {
      const endS = nowS() + days * DAY_S;
      disturb(simulation, endS);
      attend(simulation, endS);
      while (nowS() < endS && broken.length === 0) await runUntil(nowS() + HOUR_S);
      await settle(simulation);
      expect([broken.slice(0, 3), mostRestarts(nodes)]).toEqual([[], MOST_RESTARTS]);
      const states = nodes.map((node) => [node.name, simulation.stateOf(node.name), node.installed, isCurrent(node)]);
      if (chart.mode === "install") {
        expect(states).toEqual(nodes.map(({ name }) => [name, "installed", `1.0.${chart.revision}`, true]));
        // The history has what it is about.
        expect(api.events.length).toBeGreaterThan(DAYS);
        chart.mode = "remove";
        changeChart(simulation);
      } else {
        expect(states).toEqual(nodes.map(({ name }) => [name, undefined, undefined, false]));
        const { metadata } = nodeOf("node-0");
        expect([metadata.labels, metadata.annotations, nodes.some(({ hasFlags }) => hasFlags)]).toEqual([
          {},
          {},
          false,
        ]);
      }
    }
    if (isLongRun)
      process.stdout.write(
        `seed ${seed}: ${nodes.flatMap(({ restarts }) => restarts).length} restarts, ${api.events.length} failures\n`,
      );
  },
  3_600_000,
);
