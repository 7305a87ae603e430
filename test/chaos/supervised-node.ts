/** One node without systemd: the simulated cloud, the supervised daemon with launcher and handover, the shim. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { type CredentialProviderResult, callCredentialProvider } from "@ocir-broker/testkit";
import { BROKER, daemonConfig, SHIM } from "../daemon.ts";
import { REGISTRY_HOSTS } from "../e2e/stage.ts";
import { type Supervisor, startSupervisor } from "./supervisor.ts";

const LAUNCHER = join(import.meta.dirname, "../../dist/ocir-broker-launch");

export const TOKEN_LIFE_MS = 40_000;
const SESSION_LIFE_MS = 60_000;

export interface SupervisedNode {
  readonly simulator: Simulator;
  readonly supervisor: Supervisor;
  readonly credentialsSocket: string;
  readonly healthSocket: string;
  readonly configPath: string;
  /** The first configuration. */
  readonly config: Readonly<Record<string, unknown>>;
  audienceOf(registryHost: string): string | undefined;
  call(image: string): Promise<CredentialProviderResult>;
  /** Output since the start. */
  log(): string;
  textfile(): string;
  takeDown(): Promise<void>;
}

export async function startSupervisedNode(onLine: (line: string) => void): Promise<SupervisedNode> {
  const directory = mkdtempSync(join(tmpdir(), "ocir-chaos-"));
  const simulator = await startSimulator({
    registry: REGISTRY_HOSTS.map((_host, index) => `127.0.0.${index + 1}:0`),
    tokenLifeMs: TOKEN_LIFE_MS,
    sessionLifeMs: SESSION_LIFE_MS,
  });
  const written = daemonConfig(directory, simulator, {
    registryHosts: REGISTRY_HOSTS,
    prefetch: REGISTRY_HOSTS.slice(0, 1),
  });
  const config = JSON.parse(readFileSync(written.path, "utf8")) as Record<string, unknown>;
  const logPath = join(directory, "daemon.log");
  const command = [LAUNCHER, BROKER, "serve", "--config", written.path];
  const supervisor = await startSupervisor({ directory, logPath, command, onLine });
  const env = { OCIR_BROKER_SOCKET: written.credentialsSocket };
  const audiences = new Map(REGISTRY_HOSTS.map((host, index) => [host, simulator.registryUrls[index]?.host]));

  return {
    simulator,
    supervisor,
    credentialsSocket: written.credentialsSocket,
    healthSocket: written.healthSocket,
    configPath: written.path,
    config,
    audienceOf: (registryHost) => audiences.get(registryHost),
    call: (image) => callCredentialProvider({ path: SHIM, env, image }),
    log: () => readFileSync(logPath, "utf8"),
    textfile: () => textOf(join(directory, "ocir_broker.prom")),
    async takeDown() {
      await supervisor.stop();
      await simulator.close();
      rmSync(directory, { recursive: true });
    },
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
