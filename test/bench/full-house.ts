/**
 * The daemon's largest load: 256 registry hosts, 2048 repositories and 1000 slow clients. It must not run out of its heap,
 * whose limit is hard. Starts its own simulator and daemon.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { callSocket } from "../../packages/daemon/test/started-daemon.ts";
import { ATTACKS, type Attack } from "../hostile-clients.ts";
import { privateDirtyKiB, usedMs } from "./process-usage.ts";
import { startStage } from "./stage.ts";

const HOSTS = 256;
const REPOSITORIES = 2_048;
const ATTACK: Attack = "a thousand slow clients";
const PARALLEL = 8;
const ROUNDS = 4;
const CLIENTS_PROGRAM = join(import.meta.dirname, "../hostile-clients.ts");

/** @throws Error if the daemon ended. */
export async function printFullHouse(): Promise<void> {
  const registryHosts = Array.from({ length: HOSTS }, (_, index) => `r${index}.registry.example`);
  await using stage = await startStage({ registryHosts, deadline: "15s" });
  const { config, daemon } = stage;
  const ended = once(daemon.process, "exit");
  const imageOf = (index: number) => `${registryHosts[index % HOSTS]}/acme/app-${index}`;
  const images = Array.from({ length: REPOSITORIES }, (_, index) => imageOf(index));
  let answered = await askAll(config.credentialsSocket, images);
  const clients = spawn(process.execPath, [CLIENTS_PROGRAM, config.credentialsSocket, ATTACK], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await Promise.race([once(clients.stdout, "data"), ended]);
  for (let round = 1; round < ROUNDS; round += 1) answered += await askAll(config.credentialsSocket, images);
  const [memoryKiB, cpuMs] = [privateDirtyKiB(daemon.pid), usedMs(daemon.pid)];
  clients.kill();
  await once(clients, "exit");
  const { exitCode, signalCode } = daemon.process;
  if (exitCode !== null || signalCode !== null) throw new Error(`the daemon ended: ${daemon.output().slice(-2_000)}`);
  const asked = REPOSITORIES * ROUNDS;
  console.log(`full house: ${HOSTS} hosts, ${REPOSITORIES} repositories, ${ATTACKS[ATTACK].length} slow clients`);
  console.log(`  answered                 ${answered} of ${asked}   bar: all${answered < asked ? "   MISSED" : ""}`);
  console.log(`  private memory           ${(memoryKiB / 1_024).toFixed(1)} MiB`);
  // A heap that is too small shows here first, because the collector uses more of it.
  console.log(`  the daemon's CPU         ${(cpuMs / 1_000).toFixed(1)} s`);
}

/** Number of responses with credentials. */
async function askAll(socketPath: string, images: readonly string[]): Promise<number> {
  const left = images.values();
  let answered = 0;
  async function work(): Promise<void> {
    for (const image of left) {
      const body = credentialProviderRequest({ image });
      const response = await callSocket(socketPath, "/v1/credentials", body).catch(() => undefined);
      if (response?.status === 200 && response.text.includes("BEARER_TOKEN")) answered += 1;
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return answered;
}
