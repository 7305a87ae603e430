/**
 * Measures resources and start times of the service, in its own units under a real systemd with the simulator inside. The figures
 * have limits, but only count on a quiet machine, so no test asserts them.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { bootSimulatedNode, IMAGE, NODE, SERVICE, SHIM } from "../system/simulated-node.ts";
import { canBootSystemd, type SystemdRoot } from "../system/systemd-root/systemd-root.ts";
import { bareMultiples } from "./bare-service.ts";
import { medianOf } from "./median.ts";

const ROUNDS = 10;
const IDLE_MS = 60_000;
const REQUEST_PATH = "/run/request.json";
const BARE_NODE = "bare-node.service";

const REQUEST = credentialProviderRequest({ image: IMAGE });

export async function printSystemd(): Promise<void> {
  const reason = canBootSystemd();
  if (reason !== undefined) return console.log(`under systemd: not measured, ${reason}`);
  const root = await bootSimulatedNode();
  root.write(REQUEST_PATH, REQUEST);
  try {
    console.log("under systemd                                                        bar");
    print("ready after start", await medianOfRounds(() => readyMs(root)), "ms", 250);
    print("first call after stop", await medianOfRounds(() => firstCallAfterStopMs(root)), "ms", 1_500);
    const { ours, bares, added, start } = await bareMultiples(root, REQUEST_PATH, readyMs);
    print("a bare server on Node adds to the floor", bares, "ms");
    print("the daemon adds to the floor", ours, "ms");
    print("that, to a bare server", added, "×");
    print("ready after start, to a bare process that notifies", start, "×");
    const { service, bareNode } = await idlePercents(root);
    print("idle, of a core: a Node process with one timer", bareNode, "%");
    print("idle, of a core", service, "%", 3 * bareNode);
  } finally {
    await root.powerOff();
  }
}

/** @param bar the largest value that is not a defect */
function print(name: string, value: number, unit: string, bar?: number): void {
  const [shown, limit] = [value, bar ?? 0].map((number) => `${Number(number.toPrecision(3))}`);
  const judged = bar === undefined ? "" : `  ≤ ${limit}${value > bar ? "   MISSED" : ""}`;
  console.log(`  ${name.padEnd(51)} ${`${shown} ${unit}`.padStart(12)}${judged}`);
}

async function medianOfRounds(measure: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) times.push(await measure());
  return medianOf(times);
}

/** From the start of the job to READY, as recorded by systemd. */
async function readyMs(root: SystemdRoot): Promise<number> {
  await root.run("systemctl", ["stop", SERVICE]);
  await root.run("systemctl", ["start", SERVICE]);
  const [begun, active] = await Promise.all(
    ["InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic"].map((name) => root.property(SERVICE, name)),
  );
  return (Number(active) - Number(begun)) / 1_000;
}

/** Through the shim, including its start, with a new token from a cloud that answers at once. */
async function firstCallAfterStopMs(root: SystemdRoot): Promise<number> {
  await root.run("systemctl", ["stop", SERVICE]);
  return callMs(root);
}

async function callMs(root: SystemdRoot): Promise<number> {
  const startedAtMs = performance.now();
  await root.run(SHIM, [], { input: REQUEST });
  return performance.now() - startedAtMs;
}

/**
 * Whole control groups, at the same time: the service, including watchdog pings, with one pinned token and no requests; and a Node
 * process that only has a timer of one second.
 */
async function idlePercents(root: SystemdRoot): Promise<{ service: number; bareNode: number }> {
  const program = `${NODE} -e "setInterval(() => {}, 1000)"`;
  root.write(`/run/systemd/system/${BARE_NODE}`, `[Service]\nCPUAccounting=yes\nExecStart=${program}\n`);
  await root.run("systemctl", ["daemon-reload"]);
  await root.run("systemctl", ["start", BARE_NODE]);
  await root.run("systemctl", ["restart", SERVICE]);
  await callMs(root);
  await sleep(10_000);
  const units = [SERVICE, BARE_NODE];
  const usages = () => Promise.all(units.map((unit) => usedMs(root, unit)));
  const before = await usages();
  const startedAtMs = performance.now();
  await sleep(IDLE_MS);
  const after = await usages();
  const elapsedMs = performance.now() - startedAtMs;
  const [service = Number.NaN, bareNode = Number.NaN] = after.map(
    (ms, index) => ((ms - (before[index] ?? 0)) / elapsedMs) * 100,
  );
  await root.run("systemctl", ["stop", BARE_NODE]);
  return { service, bareNode };
}

async function usedMs(root: SystemdRoot, unit: string): Promise<number> {
  const stat = await root.run("cat", [`/sys/fs/cgroup/system.slice/${unit}/cpu.stat`]);
  return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1]) / 1_000;
}
