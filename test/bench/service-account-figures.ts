/**
 * Figures of service accounts on the simulated cluster: a warm answer against the node's in alternating blocks of one run, a cold burst
 * of pods, and the memory of as many subjects as are kept.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { type DaemonConfig, daemonConfig, LAUNCHED, SHIM, startDaemon } from "../daemon.ts";
import { medianOf } from "./median.ts";
import { privateDirtyKiB } from "./process-usage.ts";
import { spawnTimes } from "./spawn-times.ts";

const HOST = "icn.ocir.io";
const BLOCKS = 6;
const BLOCK_CALLS = 500;
const BURST_PODS = 200;
const BURST_SERVICE_ACCOUNTS = 50;
const BURST_LATENCY_MS = 300;
const SUBJECTS = 512;

const WARM_BAR = 1.25;
const BURST_BAR_MS = 4_000;
const MEMORY_BAR_MIB = 8;

export interface ServiceAccountFigures {
  readonly nodeP50Ms: number;
  readonly serviceAccountP50Ms: number;
  readonly burst: { readonly elapsedMs: number; readonly exchanges: number; readonly tokenCalls: number };
  readonly subjectsMiB: number;
}

export async function serviceAccountFigures(): Promise<ServiceAccountFigures> {
  const warm = await onStage({}, warmTimes);
  const burst = await onStage({ latencyMs: BURST_LATENCY_MS }, burstTimes);
  const subjectsMiB = await onStage({}, subjectsMemory);
  return { ...warm, burst, subjectsMiB };
}

interface Stage {
  readonly simulator: Simulator;
  readonly config: DaemonConfig;
  readonly pid: number;
  readonly directory: string;
}

async function onStage<T>(simulated: { latencyMs?: number }, measure: (stage: Stage) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "ocir-bench-"));
  const simulator = await startSimulator(simulated);
  const config = daemonConfig(directory, simulator, { registryHosts: [HOST], serviceAccounts: {} });
  const daemon = await startDaemon(config, ...LAUNCHED);
  try {
    return await measure({ simulator, config, pid: daemon.pid, directory });
  } finally {
    await daemon.stop();
    await simulator.close();
    rmSync(directory, { recursive: true });
  }
}

async function warmTimes({ simulator, config, directory }: Stage) {
  const variants = { daemon: { socket: config.credentialsSocket, program: SHIM } };
  const paths: string[] = [];
  for (const token of [undefined, await issue(simulator, "puller")]) {
    const path = join(directory, `request-${paths.length}.json`);
    writeFileSync(path, bodyOf(token));
    // The simulator cannot answer while spawnTimes runs.
    await post(config.credentialsSocket, token);
    spawnTimes(BLOCK_CALLS, 1, path, variants);
    paths.push(path);
  }
  const times: number[][] = [[], []];
  for (let block = 0; block < BLOCKS; block++) {
    for (const [index, path] of paths.entries())
      times[index]?.push(spawnTimes(BLOCK_CALLS, 1, path, variants).daemon.p50Ms);
  }
  const [nodeP50Ms = Number.NaN, serviceAccountP50Ms = Number.NaN] = times.map(medianOf);
  return { nodeP50Ms, serviceAccountP50Ms };
}

async function burstTimes({ simulator, config }: Stage) {
  const tokens = await Promise.all(
    Array.from({ length: BURST_PODS }, (_, pod) => issue(simulator, `puller-${pod % BURST_SERVICE_ACCOUNTS}`)),
  );
  const startedAtMs = performance.now();
  await Promise.all(tokens.map((token) => post(config.credentialsSocket, token)));
  const elapsedMs = performance.now() - startedAtMs;
  const { "cluster.exchange": exchanges, "registry.token": tokenCalls } = simulator.requests();
  return { elapsedMs, exchanges, tokenCalls };
}

async function subjectsMemory({ simulator, config, pid }: Stage): Promise<number> {
  const pull = async (name: string) => post(config.credentialsSocket, await issue(simulator, name));
  // The same work for one subject, so that only what is kept differs: without the cluster's keys, each token is exchanged.
  simulator.faults({ endpoint: "cluster.keys", status: 403 });
  for (let pod = 0; pod < SUBJECTS; pod++) await pull("first");
  simulator.clearFaults();
  const beforeKiB = privateDirtyKiB(pid);
  for (let subject = 0; subject < SUBJECTS; subject++) await pull(`puller-${subject}`);
  return (privateDirtyKiB(pid) - beforeKiB) / 1_024;
}

export function printServiceAccounts(figures: ServiceAccountFigures): void {
  const { nodeP50Ms, serviceAccountP50Ms, burst, subjectsMiB } = figures;
  const ratio = serviceAccountP50Ms / nodeP50Ms;
  const counts = `${burst.exchanges} exchanges, ${burst.tokenCalls} token calls`;
  console.log(`
service accounts
  warm answer, p50     ${serviceAccountP50Ms.toFixed(3)} ms, ${ratio.toFixed(2)} × the node's   bar: ≤ ${WARM_BAR}${missed(ratio > WARM_BAR)}
  ${BURST_PODS} pods of ${BURST_SERVICE_ACCOUNTS}       ${Math.round(burst.elapsedMs)} ms, ${counts}   bar: ≤ ${BURST_BAR_MS}, ${BURST_SERVICE_ACCOUNTS} each${missed(burst.elapsedMs > BURST_BAR_MS || burst.exchanges > BURST_SERVICE_ACCOUNTS)}
  ${SUBJECTS} subjects         ${subjectsMiB.toFixed(1)} MiB more   bar: ≤ ${MEMORY_BAR_MIB}${missed(subjectsMiB > MEMORY_BAR_MIB)}`);
}

function missed(isMissed: boolean): string {
  return isMissed ? "   MISSED" : "";
}

function issue(simulator: Simulator, serviceAccount: string): Promise<string> {
  return simulator.serviceAccountToken({ namespace: "shop", serviceAccount });
}

function bodyOf(serviceAccountToken: string | undefined): string {
  const apiVersion = "credentialprovider.kubelet.k8s.io/v1";
  const image = `${HOST}/acme/shop/web`;
  return `${JSON.stringify({ kind: "CredentialProviderRequest", apiVersion, image, serviceAccountToken })}\n`;
}

/** @throws Error without a token in the answer */
function post(socketPath: string, token: string | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const outgoing = request({ socketPath, method: "POST", path: "/v1/credentials", agent: false }, (incoming) => {
    let text = "";
    incoming.setEncoding("utf8").on("data", (piece) => {
      text += piece;
    });
    incoming.on("end", () => (text.includes("BEARER_TOKEN") ? resolve() : reject(new Error(text))));
  });
  outgoing.on("error", reject).end(bodyOf(token));
  return promise;
}
