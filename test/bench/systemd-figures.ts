/**
 * Measures resources and start times of the service, in its own units under a real systemd with the simulator inside. The figures
 * have limits, but only count on a quiet machine, so no test asserts them.
 */
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bootSimulatedNode, IMAGE, SERVICE, SHIM } from "../system/simulated-node.ts";
import { canBootSystemd, type SystemdRoot } from "../system/systemd-root/index.ts";
import { hostileRatios } from "./hostile-clients.ts";
import { medianOf } from "./median.ts";
import { buildTimer } from "./spawn-times.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const ROUNDS = 10;
const IDLE_MS = 60_000;
const REQUEST_PATH = "/run/request.json";
const HOSTILE_BAR = 1.5;

const REQUEST = `${JSON.stringify({
  apiVersion: "credentialprovider.kubelet.k8s.io/v1",
  kind: "CredentialProviderRequest",
  image: IMAGE,
})}\n`;

export async function printSystemd(): Promise<void> {
  const reason = canBootSystemd();
  if (reason !== undefined) return console.log(`under systemd: not measured, ${reason}`);
  const root = await bootSimulatedNode();
  root.write(REQUEST_PATH, REQUEST);
  try {
    console.log("under systemd                                                        bar");
    print("ready after start", await readyMs(root), "ms", 300);
    print("first call after stop", await firstCallAfterStopMs(root), "ms", 1_500);
    print("idle, of a core", await idlePercent(root), "%", 0.1);
    const timer = `/opt/checkout/${relative(CHECKOUT, buildTimer())}`;
    for (const [attack, ratio] of await hostileRatios(root, timer, REQUEST_PATH))
      print(`p50 to busy loops: ${attack}`, ratio, "×", HOSTILE_BAR);
  } finally {
    await root.powerOff();
  }
}

/** @param bar the largest value that is not a defect */
function print(name: string, value: number, unit: string, bar: number): void {
  const shown = `${Number(value.toPrecision(3))} ${unit}`;
  console.log(`  ${name.padEnd(51)} ${shown.padStart(12)}  ≤ ${bar}${value > bar ? "   MISSED" : ""}`);
}

/** From the start of the job to READY, as recorded by systemd. */
async function readyMs(root: SystemdRoot): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await root.run("systemctl", ["stop", SERVICE]);
    await root.run("systemctl", ["start", SERVICE]);
    const [begun, active] = await Promise.all(
      ["InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic"].map((name) => root.property(SERVICE, name)),
    );
    times.push((Number(active) - Number(begun)) / 1_000);
  }
  return medianOf(times);
}

/** Through the shim, including its start, with a new token from a cloud that answers at once. */
async function firstCallAfterStopMs(root: SystemdRoot): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await root.run("systemctl", ["stop", SERVICE]);
    times.push(await callMs(root));
  }
  return medianOf(times);
}

async function callMs(root: SystemdRoot): Promise<number> {
  const startedAtMs = performance.now();
  await root.run(SHIM, [], { input: REQUEST });
  return performance.now() - startedAtMs;
}

/** The whole control group, including watchdog pings, with one pinned token and no requests. */
async function idlePercent(root: SystemdRoot): Promise<number> {
  await root.run("systemctl", ["restart", SERVICE]);
  await callMs(root);
  await sleep(10_000);
  const before = await usedMs(root);
  const startedAtMs = performance.now();
  await sleep(IDLE_MS);
  return (((await usedMs(root)) - before) / (performance.now() - startedAtMs)) * 100;
}

async function usedMs(root: SystemdRoot): Promise<number> {
  const stat = await root.run("cat", [`/sys/fs/cgroup/system.slice/${SERVICE}/cpu.stat`]);
  return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1]) / 1_000;
}
