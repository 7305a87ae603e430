/** What happens to the fleet, told once for every contender. Seconds count from the beginning of the incident. */
import { createFleetClock } from "./fleet-clock.ts";
import { createKubelet, type Kubelet, type Pull } from "./kubelet-model.ts";
import { type Contender, type Node, startNode } from "./nodes.ts";
import { createSeededRandom } from "./seeded-random.ts";
import { createUpstreams, type ServiceName, type Traffic } from "./upstream-model.ts";

export const NODES = 10_000;
const SEED = 20_261_124;

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const LAST_PULLS_S = 6 * MINUTE;

export interface Scenario {
  readonly name: "boot" | "outage" | "restart";
  readonly title: string;
  /** The fleet has run for so long, having booted over the first half hour of it; 0: it boots in the first instant. */
  readonly warmUpS: number;
  readonly lengthS: number;
  readonly outageS?: number;
  readonly restartsPerSecond?: number;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: "boot", title: "All nodes boot in the same instant", warmUpS: 0, lengthS: 2 * HOUR },
  {
    name: "outage",
    title: "The token service is down for an hour",
    warmUpS: 40 * MINUTE,
    lengthS: 2 * HOUR,
    outageS: HOUR,
  },
  {
    name: "restart",
    title: "Rolling reboot, 10 nodes a second",
    warmUpS: 40 * MINUTE,
    lengthS: 2 * HOUR,
    restartsPerSecond: 10,
  },
];

export interface Run {
  readonly scenario: Scenario;
  readonly contender: Contender;
  readonly traffic: Readonly<Record<ServiceName, Traffic>>;
  /** Asked for since the incident began, but for the last minutes: those had no time to be retried. */
  readonly pulls: readonly Pull[];
}

export async function runScenario(scenario: Scenario, contender: Contender): Promise<Run> {
  const clock = createFleetClock();
  const random = createSeededRandom(SEED);
  const upstreams = createUpstreams(clock);
  const startMs = scenario.warmUpS * 1_000;
  const lastPullMs = startMs + (scenario.lengthS - LAST_PULLS_S) * 1_000;
  const pulls: Pull[] = [];
  const kubelet: Kubelet = createKubelet({
    clock,
    random,
    onPull(pull) {
      if (pull.askedAtMs >= startMs && pull.askedAtMs < lastPullMs) pulls.push(pull);
    },
  });

  const nodes: (Node | undefined)[] = [];
  function boot(place: number): void {
    nodes[place]?.stop();
    const node = startNode(contender, { clock, random, upstreams });
    const isNew = nodes[place] === undefined;
    nodes[place] = node;
    kubelet.boot(node.getCredentials);
    if (isNew) kubelet.start((done) => nodes[place]?.getCredentials(done));
  }
  for (let place = 0; place < NODES; place++) {
    clock.setTimer(() => boot(place), scenario.warmUpS === 0 ? 0 : random() * 30 * MINUTE * 1_000);
  }
  if (scenario.outageS !== undefined) {
    clock.setTimer(() => upstreams.setOutage(true), startMs);
    clock.setTimer(() => upstreams.setOutage(false), startMs + scenario.outageS * 1_000);
  }
  if (scenario.restartsPerSecond !== undefined) {
    for (let place = 0; place < NODES; place++) {
      clock.setTimer(() => boot(place), startMs + (place / scenario.restartsPerSecond) * 1_000);
    }
  }
  await clock.runUntil(startMs + scenario.lengthS * 1_000);
  for (const node of nodes) node?.stop();
  return { scenario, contender, traffic: upstreams.traffic, pulls };
}
