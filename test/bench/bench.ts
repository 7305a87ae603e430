/**
 * `npm run bench`: measures the cost of an answer. Variants take turns in one run, so that a drift of the machine affects all.
 *
 * Compares with the physical floor: a static program that does nothing, and the same shim with a minimal C server. Then
 * measures the service under a real systemd against its limits. Prints tables and writes dist/bench.json. Compare ratios;
 * absolute times only on one machine.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSimulator } from "@ocir-broker/oci-simulator";
import { callCredentialProvider } from "@ocir-broker/testkit";
import { daemonConfig, LAUNCHED, SHIM, startDaemon } from "../daemon.ts";
import { fullHouseFigures, printFullHouse } from "./full-house.ts";
import { helperFigures, printHelper } from "./helper-figures.ts";
import { privateDirtyKiB } from "./process-usage.ts";
import { printServiceAccounts, serviceAccountFigures } from "./service-account-figures.ts";
import { printSlowClients, slowClientFigures } from "./slow-clients.ts";
import { spawnTimes } from "./spawn-times.ts";
import { printFigures, systemdFigures } from "./systemd-figures.ts";

const ROOT = join(import.meta.dirname, "../..");
const SHIM_SOURCE = join(ROOT, "packages/native");
const NOOP = join(SHIM_SOURCE, "build/noop");
const FLOOR_SERVER = join(SHIM_SOURCE, "build/floor-server");
const RESULT = join(ROOT, "dist/bench.json");

const IMAGE = "icn.ocir.io/acme/shop/web";
const MEMORY_REQUESTS = 100_000;
const MEMORY_PARALLEL = 4;
const MEMORY_BAR_MIB = 46;

execFileSync("make", ["-s", "-C", SHIM_SOURCE, "bench"], { stdio: "inherit" });
const directory = mkdtempSync(join(tmpdir(), "ocir-bench-"));
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
  const first = await callCredentialProvider({
    path: SHIM,
    env: { OCIR_BROKER_SOCKET: config.credentialsSocket },
    image: IMAGE,
  });
  if (first.exitCode !== 0) throw new Error(first.stderr);
  const floor = spawn(FLOOR_SERVER, [floorSocket, String(first.stdout.length)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => floor.stdout.once("data", resolve));

  const variants = {
    noop: { socket: floorSocket, program: NOOP },
    floor: { socket: floorSocket, program: SHIM },
    daemon: { socket: config.credentialsSocket, program: SHIM },
  };
  // Warms up the daemon's JIT with a day's work.
  spawnTimes(2_000, 1, requestPath, { daemon: variants.daemon });
  const alone = spawnTimes(3_000, 1, requestPath, variants);
  const crowd = spawnTimes(100, 32, requestPath, variants);
  floor.kill();
  const slowClients = await slowClientFigures(config.credentialsSocket, requestPath);

  const beforeKiB = privateDirtyKiB(daemon.pid);
  spawnTimes(MEMORY_REQUESTS / 2 / MEMORY_PARALLEL, MEMORY_PARALLEL, requestPath, { daemon: variants.daemon });
  const halfwayKiB = privateDirtyKiB(daemon.pid);
  spawnTimes(MEMORY_REQUESTS / 2 / MEMORY_PARALLEL, MEMORY_PARALLEL, requestPath, { daemon: variants.daemon });
  const afterKiB = privateDirtyKiB(daemon.pid);

  const result = {
    measuredAt: new Date().toISOString(),
    alone,
    crowdOf32: crowd,
    slowClients,
    ratios: {
      aloneP50ToFloor: alone.daemon.p50Ms / alone.floor.p50Ms,
      crowdP50ToFloor: crowd.daemon.p50Ms / crowd.floor.p50Ms,
    },
    shim: { fileBytes: statSync(SHIM).size, peakKiB: alone.daemon.peakKiB },
    daemon: { requests: MEMORY_REQUESTS, privateDirtyKiB: { before: beforeKiB, halfway: halfwayKiB, after: afterKiB } },
  };
  print(result);
  printSlowClients(slowClients);
  writeResult(result);
} finally {
  await daemon.stop();
  await simulator.close();
  rmSync(directory, { recursive: true });
}

const fullHouse = await fullHouseFigures();
printFullHouse(fullHouse);
writeResult({ ...JSON.parse(readFileSync(RESULT, "utf8")), fullHouse });

const serviceAccounts = await serviceAccountFigures();
printServiceAccounts(serviceAccounts);
writeResult({ ...JSON.parse(readFileSync(RESULT, "utf8")), serviceAccounts });

const helper = await helperFigures();
printHelper(helper);
writeResult({ ...JSON.parse(readFileSync(RESULT, "utf8")), helper });

// Last, because some of these measure an idle service.
const figures = await systemdFigures();
printFigures(figures);
writeResult({ ...JSON.parse(readFileSync(RESULT, "utf8")), systemd: figures });

function writeResult(result: object): void {
  writeFileSync(RESULT, `${JSON.stringify(result, undefined, 2)}\n`);
}

function print(result: {
  alone: ReturnType<typeof spawnTimes>;
  crowdOf32: ReturnType<typeof spawnTimes>;
  ratios: Record<string, number>;
  shim: object;
  daemon: { requests: number; privateDirtyKiB: { before: number; halfway: number; after: number } };
}): void {
  const names = { noop: "static no-op program", floor: "shim, C server", daemon: "shim, the daemon" };
  console.log("whole processes, ms            p50     p99     to the floor (p50)");
  for (const [title, times] of [
    ["one at a time", result.alone],
    ["32 at once", result.crowdOf32],
  ] as const) {
    console.log(title);
    for (const [name, label] of Object.entries(names)) {
      const time = times[name];
      if (time === undefined) continue;
      const ratio = time.p50Ms / (times["floor"]?.p50Ms ?? Number.NaN);
      console.log(
        `  ${label.padEnd(24)} ${time.p50Ms.toFixed(3).padStart(7)} ${time.p99Ms.toFixed(3).padStart(7)}     ${ratio.toFixed(2)} ×`,
      );
    }
  }
  const { before, halfway, after } = result.daemon.privateDirtyKiB;
  const [beforeMiB, halfwayMiB, afterMiB] = [before, halfway, after].map((kiB) => (kiB / 1024).toFixed(1));
  const missed = after / 1024 > MEMORY_BAR_MIB ? "   MISSED" : "";
  console.log(`shim    ${JSON.stringify(result.shim)}`);
  console.log(
    `private memory after ${result.daemon.requests} requests  ${afterMiB} MiB (${beforeMiB}, ${halfwayMiB} halfway)   bar: ≤ ${MEMORY_BAR_MIB}${missed}`,
  );
}
