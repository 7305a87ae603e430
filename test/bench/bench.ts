/**
 * `npm run bench`: measures the cost of a response. Variants take turns in one run, so that a drift of the machine affects all.
 *
 * Compares with the physical floor: a static program that does nothing, and the same shim with a minimal C server. Then measures
 * the daemon's largest load, and the service under a real systemd. Prints tables. Compare ratios; absolute times only on one machine.
 * With `--peer`, compares with the existing credential provider instead.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { daemonConfig, LAUNCHED, SHIM, startDaemon } from "../daemon.ts";
import { printFullHouse } from "./full-house.ts";
import { printPeer } from "./peer.ts";
import { privateDirtyKiB } from "./process-usage.ts";
import { spawnTimes } from "./spawn-times.ts";
import { printSystemd } from "./systemd-figures.ts";

const SHIM_SOURCE = join(import.meta.dirname, "../../packages/native");
const NOOP = join(SHIM_SOURCE, "build/noop");
const FLOOR_SERVER = join(SHIM_SOURCE, "build/floor-server");

const IMAGE = "icn.ocir.io/acme/shop/web";
const MEMORY_REQUESTS = 100_000;
const MEMORY_PARALLEL = 4;
const MEMORY_BAR_MIB = 46;

if (process.argv.includes("--peer")) await printPeer();
else await printAll();

async function printAll(): Promise<void> {
  execFileSync("make", ["-s", "-C", SHIM_SOURCE, "bench"], { stdio: "inherit" });
  await printCalls();
  await printFullHouse();
  // Last, because some of these measure an idle service.
  await printSystemd();
}

async function printCalls(): Promise<void> {
  const directory = temporaryFolder();
  const simulator = await startSimulator();
  const config = daemonConfig(directory, simulator, { registryHosts: ["icn.ocir.io"] });
  const daemon = await startDaemon(config, ...LAUNCHED);
  const floorSocket = join(directory, "floor.sock");
  const requestPath = join(directory, "request.json");
  try {
    writeFileSync(
      requestPath,
      `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"${IMAGE}"}\n`,
    );
    const env = { OCIR_BROKER_SOCKET: config.credentialsSocket };
    const first = await callCredentialProvider({ path: SHIM, env, image: IMAGE });
    if (first.exitCode !== 0) throw new Error(first.stderr);
    const floor = spawn(FLOOR_SERVER, [floorSocket, String(first.stdout.length)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(floor.stdout, "data");
    const variants = {
      noop: { socket: floorSocket, program: NOOP },
      floor: { socket: floorSocket, program: SHIM },
      daemon: { socket: config.credentialsSocket, program: SHIM },
    };
    const askDaemon = (requests: number, parallel: number) =>
      spawnTimes(requests / parallel, parallel, requestPath, { daemon: variants.daemon });
    // Warms up the daemon's JIT with a day's work.
    askDaemon(2_000, 1);
    printTimes(spawnTimes(3_000, 1, requestPath, variants));
    floor.kill();

    const beforeKiB = privateDirtyKiB(daemon.pid);
    askDaemon(MEMORY_REQUESTS, MEMORY_PARALLEL);
    const [before = 0, after = 0] = [beforeKiB, privateDirtyKiB(daemon.pid)].map((kiB) => kiB / 1_024);
    const missed = after > MEMORY_BAR_MIB ? "   MISSED" : "";
    const grown = `${after.toFixed(1)} MiB (${before.toFixed(1)} before)`;
    console.log(`private memory after ${MEMORY_REQUESTS} requests  ${grown}   bar: ≤ ${MEMORY_BAR_MIB}${missed}`);
  } finally {
    await daemon.stop();
    await simulator.close();
    rmSync(directory, { recursive: true });
  }
}

function printTimes(times: Readonly<Record<"noop" | "floor" | "daemon", { p50Ms: number; p99Ms: number }>>): void {
  const names = { noop: "static no-op program", floor: "shim, C server", daemon: "shim, the daemon" } as const;
  console.log("whole processes, ms            p50     p99     to the floor (p50)");
  for (const name of ["noop", "floor", "daemon"] as const) {
    const { p50Ms, p99Ms } = times[name];
    const [p50, p99] = [p50Ms, p99Ms].map((ms) => ms.toFixed(3).padStart(7));
    console.log(`  ${names[name].padEnd(24)} ${p50} ${p99}     ${(p50Ms / times.floor.p50Ms).toFixed(2)} ×`);
  }
}
