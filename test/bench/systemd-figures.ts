/**
 * Measures resources and start times of the service, in its own units under a real systemd with the simulator inside.
 *
 * The figures have limits, but only count on a quiet machine, so no test asserts them.
 */
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "@ocir-broker/testkit";
import {
  bootSimulatedNode,
  CREDENTIALS_SOCKET,
  dropIn,
  HEALTH_SOCKET,
  IMAGE,
  NODE,
  SERVICE,
  SHIM,
  underLoad,
  withDropIn,
} from "../system/simulated-node.ts";
import { canBootSystemd, type SystemdRoot } from "../system/systemd-root/index.ts";
import { hostileRatios } from "./hostile-clients.ts";
import { medianOf } from "./median.ts";
import { buildTimer, readTimes } from "./spawn-times.ts";

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The limit. */
  readonly bar: number;
}

const CHECKOUT = join(import.meta.dirname, "../..");
/** Built by `make bench`. */
const FLOOR_SERVER = join(CHECKOUT, "packages/native/build/floor-server");
const NO_OP_SOCKET = "/run/no-op.sock";
const ROUNDS = 10;
const KILLS = 60;
const IDLE_MS = 60_000;
const WATCHDOG_MS = 3_000;
const REQUEST_PATH = "/run/request.json";
const HOSTILE_BAR = 1.5;
const CROWD_TURNS = 20;
const CROWD_CALLS = 1_500;
const CROWD_SETTLE_MS = 500;

const REQUEST = `${JSON.stringify({
  apiVersion: "credentialprovider.kubelet.k8s.io/v1",
  kind: "CredentialProviderRequest",
  image: IMAGE,
})}\n`;

/** The figures in the order of measurement, or the reason why there are none. */
export async function systemdFigures(): Promise<readonly Figure[] | string> {
  const reason = canBootSystemd();
  if (reason !== undefined) return reason;
  const root = await bootSimulatedNode({ logLevel: "info" });
  root.write(REQUEST_PATH, REQUEST);
  const timer = inCheckout(buildTimer());
  try {
    return [
      { name: "exposure", value: await exposure(root), unit: "", bar: 1.2 },
      { name: "ready after start", value: await readyMs(root), unit: "ms", bar: 300 },
      { name: "first call after stop", value: await firstCallAfterStopMs(root), unit: "ms", bar: 1_500 },
      { name: "stuck to replaced", value: await watchdogMs(root), unit: "ms", bar: WATCHDOG_MS + 5_000 },
      { name: "idle, of a core", value: await idlePercent(root), unit: "%", bar: 0.1 },
      { name: "p99 with 200 health clients", value: await crowdRatio(root, timer), unit: "×", bar: 1.2 },
      ...(await hostileRatios(root, timer, REQUEST_PATH)).map(([attack, value]) => ({
        name: `p50 to busy loops: ${attack}`,
        value,
        unit: "×",
        bar: HOSTILE_BAR,
      })),
      { name: `calls lost over ${KILLS} kills`, value: await lostCalls(root), unit: "", bar: 0 },
    ];
  } finally {
    await root.powerOff();
  }
}

export function printFigures(figures: readonly Figure[] | string): void {
  if (typeof figures === "string") {
    console.log(`under systemd: not measured, ${figures}`);
    return;
  }
  console.log("under systemd                                                        bar");
  for (const { name, value, unit, bar } of figures) {
    const shown = `${Number(value.toPrecision(3))} ${unit}`.trim();
    console.log(`  ${name.padEnd(51)} ${shown.padStart(12)}  ≤ ${bar}${value > bar ? "   MISSED" : ""}`);
  }
}

async function exposure(root: SystemdRoot): Promise<number> {
  const report = await root.run("systemd-analyze", ["security", "--offline=yes", "--no-pager", SERVICE]);
  return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(report)?.[1]);
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

/** From the end of the process to the next one's READY. */
async function watchdogMs(root: SystemdRoot): Promise<number> {
  let elapsedMs = Number.NaN;
  const short = dropIn(SERVICE, "short-watchdog", `[Service]\nWatchdogSec=${WATCHDOG_MS}ms\n`);
  await withDropIn(root, short, async () => {
    await root.run("systemctl", ["start", SERVICE]);
    const stuckAtMs = Number(process.hrtime.bigint() / 1_000_000n);
    await root.run("kill", ["-STOP", await root.property(SERVICE, "MainPID")]);
    await until("another one is ready", async () => {
      elapsedMs = Number(await root.property(SERVICE, "ActiveEnterTimestampMonotonic")) / 1_000 - stuckAtMs;
      return elapsedMs > 0;
    });
  });
  return elapsedMs;
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

/**
 * Ratio of whole shim processes while the crowd uses the health socket to those while it uses a minimal server. They take turns,
 * and both include the crowd's own load on the machine.
 */
async function crowdRatio(root: SystemdRoot, timer: string): Promise<number> {
  await root.run("systemd-run", ["--quiet", "--unit", "no-op", inCheckout(FLOOR_SERVER), NO_OP_SOCKET]);
  const crowds = { health: HEALTH_SOCKET, noOp: NO_OP_SOCKET };
  for (const [name, socket] of Object.entries(crowds)) {
    await root.run("systemd-run", [
      ...["--quiet", "--unit", `crowd-${name}`, NODE, "/opt/checkout/test/bench/health-crowd.ts"],
      ...[socket, `/run/crowd-${name}.on`],
    ]);
  }
  const time = (): Promise<string> =>
    root.run(timer, [String(CROWD_CALLS), "1", REQUEST_PATH, `${CREDENTIALS_SOCKET}=${SHIM}`]);
  await time();
  const p99s: Record<keyof typeof crowds, number[]> = { health: [], noOp: [] };
  for (let turn = 0; turn < CROWD_TURNS; turn += 1) {
    for (const name of ["noOp", "health"] as const) {
      root.write(`/run/crowd-${name}.on`, "");
      await sleep(CROWD_SETTLE_MS);
      p99s[name].push(readTimes(["shim"], await time()).shim.p99Ms);
      await root.run("rm", [`/run/crowd-${name}.on`]);
      await sleep(CROWD_SETTLE_MS);
    }
  }
  await root.run("systemctl", ["stop", "crowd-health.service", "crowd-noOp.service", "no-op.service"]);
  // The median turn, so that a disturbance of one turn does not count.
  return medianOf(p99s.health) / medianOf(p99s.noOp);
}

/** The path of a file of this checkout inside the root. */
function inCheckout(path: string): string {
  return `/opt/checkout/${relative(CHECKOUT, path)}`;
}

async function lostCalls(root: SystemdRoot): Promise<number> {
  const { failures } = await underLoad(root, async () => {
    let killed = "0";
    for (let kill = 0; kill < KILLS; kill += 1) {
      const nextAtMs = performance.now() + 1_000;
      await until("there is a process that was not killed yet", async () => {
        const pid = await root.property(SERVICE, "MainPID");
        if (pid === "0" || pid === killed) return false;
        killed = pid;
        return (await root.exec("kill", ["-KILL", pid])).exitCode === 0;
      });
      await sleep(Math.max(0, nextAtMs - performance.now()));
    }
  });
  return failures.length;
}
