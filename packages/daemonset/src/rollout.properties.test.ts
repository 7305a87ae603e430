/** Days of a rollout on 20 nodes (the long run: 30 days) with stuck pods, failing kubelets, killed pods, lost records and outages. */
import { expect, it } from "vitest";
import { createSimulation, DAY_S, HOUR_S, MINUTE_S, type SimulatedNode, type Simulation } from "../test/simulation.ts";

const isLongRun = process.env["OCIR_BROKER_LONG_RUN"] === "1";
const NODES = 20;
const DAYS = isLongRun ? 30 : 2;
const SEEDS = isLongRun ? [1, 2, 3, 4, 5] : [1];
const WINDOW_S = 2 * HOUR_S;
const LONGEST_CORDON_S = 15 * MINUTE_S;
const MOST_RESTARTS = 4;
const LONGEST_WAIT_S = 30 * MINUTE_S;
const STEP_S = 5;
const FAILURES = ["with-flags", "always", "silent", "ignores-flags"] as const;
const STUCK = ["volume", "pull", "churn"] as const;
const FAULTS = [...FAILURES, "install", ...STUCK, "record"] as const;

/** Something that happens on average every so many days on each node, or in the cluster. */
function repeat(simulation: Simulation, meanDays: number, happen: () => void): void {
  const next = () => -Math.log(1 - simulation.random()) * meanDays * DAY_S;
  const again = () => {
    happen();
    if (simulation.nowS() < DAYS * DAY_S) simulation.at(next(), again);
  };
  simulation.at(next(), again);
}

function disturb(simulation: Simulation): void {
  const { api, nodes, random, between, at, nowS, chart } = simulation;
  const isLate = () => nowS() > DAYS * DAY_S;
  for (const node of nodes) {
    repeat(simulation, 2, () => {
      const kind = FAULTS[Math.floor(random() * FAULTS.length)];
      if (isLate() || kind === undefined) return;
      node.changedS = nowS();
      if (kind === "record") node.isRecorded = false;
      else if (kind === "install") node.canInstall = false;
      else if (kind === "volume" || kind === "pull" || kind === "churn") node.stuck = { since: nowS(), kind };
      else node.failure = kind;
      at(between(10 * MINUTE_S, 12 * HOUR_S), () => simulation.heal(node));
    });
    repeat(simulation, 1, () => !isLate() && simulation.killPod(node));
    repeat(simulation, 1, () => !isLate() && simulation.deletePod(node));
  }
  repeat(simulation, 1, () => {
    if (isLate() || !api.isUp) return;
    api.isUp = false;
    at(between(10, 40 * MINUTE_S), () => {
      api.isUp = true;
    });
  });
  // A chart with another version, and half of the time one that kubelets must read.
  repeat(simulation, 0.7, () => {
    if (isLate()) return;
    chart.revision += 1;
    if (random() < 0.5) chart.config += 1;
    for (const node of nodes) at(between(0, 10 * MINUTE_S), () => simulation.deletePod(node));
  });
}

/** A person excludes some failed nodes, and asks for other tries. */
function attend(simulation: Simulation): void {
  const { nodes, nodeOf, api, random, at, nowS } = simulation;
  const look = () => {
    for (const node of nodes) {
      const { metadata, spec } = nodeOf(node.name);
      if (metadata.labels?.["ocir-broker/state"] !== "failed" || spec.unschedulable) continue;
      node.personS = nowS();
      if (random() < 0.5) metadata.annotations["ocir-broker/retry"] = "now";
      else {
        api.cordon(node.name, true);
        at(simulation.between(HOUR_S, DAY_S), () => api.cordon(node.name, false));
      }
    }
    if (nowS() < DAYS * DAY_S) at(simulation.between(10 * MINUTE_S, 6 * HOUR_S), look);
  };
  at(HOUR_S, look);
}

/** How long nodes were cordoned by us and how often restarted, without a person; how long nodes without faults have waited. */
function observe(simulation: Simulation) {
  const { api, nodes, nodeOf, nowS, at, breaks, chart } = simulation;
  const most = { cordonS: 0, restarts: 0, waitS: 0, failures: 0 };
  const cordoned = new Map(nodes.map(({ name }) => [name, [] as number[]]));
  const waitedS = new Map<string, number>();
  const stateOf = ({ name }: SimulatedNode) => nodeOf(name).metadata.labels?.["ocir-broker/state"];
  const isCordonedByUs = ({ name }: SimulatedNode) => nodeOf(name).metadata.annotations?.["ocir-broker/cordoned"];
  const since = (times: readonly number[], spanS: number, fromS = 0) =>
    times.filter((atS) => atS > Math.max(nowS() - spanS, fromS));
  const isComplete = (node: SimulatedNode) =>
    stateOf(node) === "installed" &&
    nodeOf(node.name).metadata.labels["ocir-broker/version"] === `1.0.${chart.revision}`;
  /** Also a fault before that still counts. */
  const isFaulty = (node: SimulatedNode) =>
    node.failure !== undefined ||
    !node.canInstall ||
    node.stuck !== undefined ||
    nowS() - node.changedS < 2 * HOUR_S ||
    stateOf(node) === "failed" ||
    since(node.restarts, DAY_S).length > 2;
  const isExcluded = (node: SimulatedNode) => nodeOf(node.name).spec.unschedulable && !isCordonedByUs(node);

  /** A failed node stops the rollout. Without an API server, nobody can do anything. */
  function countWait(node: SimulatedNode, isStopped: boolean): void {
    const isWaiting =
      node.life?.revision === chart.revision && !isComplete(node) && !isFaulty(node) && !isExcluded(node);
    if (!isWaiting) waitedS.delete(node.name);
    else if (api.isUp && !isStopped) waitedS.set(node.name, (waitedS.get(node.name) ?? 0) + STEP_S);
    most.waitS = Math.max(most.waitS, waitedS.get(node.name) ?? 0);
    if (waitedS.get(node.name) === LONGEST_WAIT_S + STEP_S) breaks(node, "was not installed in time");
  }

  const look = () => {
    const holder = nodes.find(({ name }) => name === api.lease.spec?.holderIdentity);
    const isStopped = holder !== undefined && stateOf(holder) === "failed";
    if (isStopped) most.failures += 1;
    for (const node of nodes) {
      countWait(node, isStopped);
      const times = since(cordoned.get(node.name) ?? [], WINDOW_S, node.personS);
      if (api.isUp && isCordonedByUs(node)) times.push(nowS());
      cordoned.set(node.name, times);
      most.cordonS = Math.max(most.cordonS, times.length * STEP_S);
      if (times.length * STEP_S === LONGEST_CORDON_S + STEP_S) breaks(node, "was cordoned for too long");
      const restarts = since(node.restarts, DAY_S, node.personS).length;
      most.restarts = Math.max(most.restarts, restarts);
      if (restarts > MOST_RESTARTS) breaks(node, "was restarted too often");
    }
    at(STEP_S, look);
  };
  at(STEP_S, look);
  return most;
}

it.each(SEEDS)(
  `a rollout of ${DAYS} days on ${NODES} nodes cordons and restarts little, and says what is so (seed %i)`,
  async (seed) => {
    const simulation = createSimulation(seed, NODES);
    const { nodes, nodeOf, api, broken, isCurrent, chart } = simulation;
    for (const node of nodes) simulation.startPod(node);
    disturb(simulation);
    attend(simulation);
    const most = observe(simulation);
    for (let hour = 0; hour < DAYS * 24 && broken.length === 0; hour++) await simulation.runUntil(hour * HOUR_S);
    // The causes end, and a person asks once for each failed node.
    await simulation.runUntil((DAYS + 1) * DAY_S);
    api.isUp = true;
    for (const node of nodes) {
      const { metadata, spec } = nodeOf(node.name);
      if (spec.unschedulable && !metadata.annotations?.["ocir-broker/cordoned"]) api.cordon(node.name, false);
      if (metadata.labels?.["ocir-broker/state"] !== "failed") continue;
      node.personS = simulation.nowS();
      metadata.annotations["ocir-broker/retry"] = "now";
    }
    await simulation.runUntil((DAYS + 3) * DAY_S);
    if (isLongRun) process.stdout.write(`${JSON.stringify({ seed, ...most, events: api.events.length })}\n`);
    expect(broken.slice(0, 3)).toEqual([]);
    // The history has what it is about.
    expect([most.failures > 0, most.cordonS > 0, most.restarts > 1]).toEqual([true, true, true]);
    const states = nodes.map((node) => [
      ...[node.name, nodeOf(node.name).metadata.labels?.["ocir-broker/state"], node.installed, isCurrent(node)],
      nodeOf(node.name).spec.unschedulable === true,
    ]);
    expect(states).toEqual(nodes.map(({ name }) => [name, "installed", `1.0.${chart.revision}`, true, false]));
  },
  3_600_000,
);
