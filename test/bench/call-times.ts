/**
 * Measures whole calls, from the start of the shim to its end, against the physical floor: the same shim with a minimal C server.
 * Then the daemon's memory. Starts its own simulator, daemon and server.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { callCredentialProvider, credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { SHIM } from "../daemon.ts";
import { medianOf } from "./median.ts";
import { privateDirtyKiB } from "./process-usage.ts";
import { spawnTimes, type Times, type Variant } from "./spawn-times.ts";
import { startStage } from "./stage.ts";

const NATIVE = join(import.meta.dirname, "../../packages/native");
const NOOP = join(NATIVE, "build/noop");
const FLOOR_SERVER = join(NATIVE, "build/floor-server");

const IMAGE = "icn.ocir.io/acme/shop/web";

const RUNS = 5;
const CALLS = 3_000;

const MEMORY_REQUESTS = 100_000;
const MEMORY_PARALLEL = 4;

/** The first variant is the one that the others are compared with. */
type Variants = readonly (readonly [name: string, variant: Variant, requestPath: string])[];

/** @throws Error if a call fails or the daemon ended */
export async function printCallTimes(): Promise<void> {
  execFileSync("make", ["-s", "-C", NATIVE, "bench"], { stdio: "inherit" });
  await using stage = await startStage({ registryHosts: ["icn.ocir.io"], serviceAccounts: {} });
  using servers = new DisposableStack();
  const { directory, simulator, config, daemon } = stage;
  const serviceAccountToken = await simulator.serviceAccountToken({ namespace: "shop", serviceAccount: "web" });
  const [request, podRequest] = ["node.json", "pod.json"].map((name) => join(directory, name)) as [string, string];
  writeFileSync(request, credentialProviderRequest({ image: IMAGE }));
  writeFileSync(podRequest, credentialProviderRequest({ image: IMAGE, serviceAccountToken }));
  const env = { OCIR_BROKER_SOCKET: config.credentialsSocket };
  // While spawnTimes runs, the simulator in this process answers nothing.
  const podCall = await callCredentialProvider({ path: SHIM, env, image: IMAGE, serviceAccountToken });
  const first = await callCredentialProvider({ path: SHIM, env, image: IMAGE });
  for (const { exitCode, stderr } of [podCall, first]) if (exitCode !== 0) throw new Error(stderr);

  const floorSocket = join(directory, "floor.sock");
  const server = spawn(FLOOR_SERVER, [floorSocket, String(first.stdout.length)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  servers.defer(() => server.kill());
  await once(server.stdout, "data");
  const floor = { socket: floorSocket, program: SHIM };
  const broker = { socket: config.credentialsSocket, program: SHIM };

  // Warms up the JIT with a day's work.
  spawnTimes({ rounds: 2_000 }, request, { broker });

  console.log(`whole calls back to back, each alone in turns, median of ${RUNS} runs of ${CALLS}`);
  printInTurns(
    [
      ["shim, C server (the floor)", floor, request],
      ["static no-op program", { ...floor, program: NOOP }, request],
      ["shim, the daemon", broker, request],
    ],
    { "shim, the daemon": 1.45 },
  );
  printInTurns(
    [
      ["the node's identity", broker, request],
      ["a service account's", broker, podRequest],
    ],
    { "a service account's": 1.25 },
  );

  const beforeKiB = privateDirtyKiB(daemon.pid);
  spawnTimes({ rounds: MEMORY_REQUESTS / MEMORY_PARALLEL, parallel: MEMORY_PARALLEL }, request, { broker });
  const [before = 0, after = 0] = [beforeKiB, privateDirtyKiB(daemon.pid)].map((kiB) => kiB / 1_024);
  const grown = `${after.toFixed(1)} MiB (${before.toFixed(1)} before)`;
  console.log(`private memory after ${MEMORY_REQUESTS} requests  ${grown}   ${barOf(after, 36)}`);
}

/** Each run measures one variant after the other; the ratio is the median of the runs' ratios to the first variant. */
function printInTurns(variants: Variants, bars: Readonly<Record<string, number>>): void {
  const runs = Array.from({ length: RUNS }, () =>
    variants.map(([, variant, requestPath]) => {
      // The no-op program reads and writes nothing.
      const name = variant.program === NOOP ? "noop" : "variant";
      return Object.values(spawnTimes({ rounds: CALLS }, requestPath, { [name]: variant }))[0] as Times;
    }),
  );
  for (const [index, [name]] of variants.entries()) {
    const ownMs = (read: (times: Times) => number) => medianOf(runs.map((run) => read(run[index] as Times)));
    const ratios = runs.map((run) => (run[index]?.p50Ms ?? Number.NaN) / (run[0]?.p50Ms ?? Number.NaN));
    printRow(
      name,
      { p50Ms: ownMs(({ p50Ms }) => p50Ms), p99Ms: ownMs(({ p99Ms }) => p99Ms) },
      medianOf(ratios),
      bars[name],
    );
  }
}

function printRow(name: string, { p50Ms, p99Ms }: Times, ratio: number, bar?: number): void {
  const [p50, p99] = [p50Ms, p99Ms].map((ms) => ms.toFixed(3).padStart(7));
  const judged = bar === undefined ? "" : `   ${barOf(ratio, bar)}`;
  console.log(`  ${name.padEnd(28)} p50 ${p50} ms   p99 ${p99} ms   ${ratio.toFixed(2)} ×${judged}`);
}

function barOf(value: number, bar: number): string {
  return `bar: ≤ ${bar}${value > bar ? "   MISSED" : ""}`;
}
