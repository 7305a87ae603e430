/** One node for a chaos run: the simulated cloud, the supervised daemon with its launcher and memory, the shim with its fallback. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { type CredentialProviderResult, callCredentialProvider } from "@ocir-broker/testkit";
import { BROKER, daemonConfig, SHIM } from "../daemon.ts";
import { REGISTRY_HOSTS } from "../e2e/stage.ts";
import { ask } from "./known-tokens.ts";
import { type Supervisor, startSupervisor } from "./supervisor.ts";

const LAUNCHER = join(import.meta.dirname, "../../dist/ocir-broker-launch");
const DISK = "size=64k";

export const TOKEN_LIFE_MS = 40_000;
const SESSION_LIFE_MS = 60_000;

export interface NodeStage {
  readonly simulator: Simulator;
  readonly supervisor: Supervisor;
  readonly credentialsSocket: string;
  readonly healthSocket: string;
  readonly configPath: string;
  /** As it was written at first. */
  readonly config: Readonly<Record<string, unknown>>;
  audienceOf(registryHost: string): string | undefined;
  call(request: { readonly image: string } | { readonly stdin: string }): Promise<CredentialProviderResult>;
  /** The metrics' disk takes no more, or does again. Tells whether a write there fails now. */
  fillDisk(isFull: boolean): boolean;
  /** What has been written since the start. */
  log(): string;
  textfile(): string;
  takeDown(): Promise<void>;
}

export async function setNodeStage(onLine: (line: string) => void): Promise<NodeStage> {
  const directory = mkdtempSync(join(tmpdir(), "ocir-chaos-"));
  const metrics = join(directory, "metrics");
  mkdirSync(metrics);
  const isMounted = mounts(["-t", "tmpfs", "-o", DISK, "chaos", metrics]);
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
  config["metrics"] = { textfile: join(metrics, "ocir_broker.prom") };
  writeFileSync(written.path, JSON.stringify(config));
  const fallback = join(directory, "fallback");
  // Its own copy: a node's configuration that cannot be read is met by the daemon alone.
  writeFileSync(join(directory, "fallback.yaml"), JSON.stringify(config));
  const script = `#!/bin/sh\nexec ${BROKER} "$@" --config ${directory}/fallback.yaml\n`;
  writeFileSync(fallback, script, { mode: 0o755 });

  const logPath = join(directory, "daemon.log");
  // Where the file says nothing of them: the same services, and no way to any that is Oracle's own.
  const surroundings = {
    OCI_METADATA_BASE_URL: simulator.metadataUrl.href,
    OCI_SDK_AUTH_CLIENT_REGION_URL: simulator.authUrl.origin,
    HTTPS_PROXY: "http://127.0.0.1:9",
  };
  const variables = Object.entries(surroundings).map(([name, value]) => `${name}=${value}`);
  const command = ["/usr/bin/env", ...variables, LAUNCHER, BROKER, "serve", "--config", written.path];
  const supervisor = await startSupervisor({ directory, logPath, command, onLine });
  const env = { OCIR_BROKER_SOCKET: written.credentialsSocket, OCIR_BROKER_FALLBACK: fallback };
  const audiences = new Map(REGISTRY_HOSTS.map((host, index) => [host, simulator.registryUrls[index]?.host]));

  return {
    simulator,
    supervisor,
    credentialsSocket: written.credentialsSocket,
    healthSocket: written.healthSocket,
    configPath: written.path,
    config,
    audienceOf: (registryHost) => audiences.get(registryHost),
    call: (request) => callCredentialProvider({ path: SHIM, env, ...request }),
    fillDisk(isFull) {
      const filler = join(metrics, "filler");
      if (!isMounted && process.getuid?.() === 0) {
        if (isFull) renameSync(metrics, `${metrics}.away`);
        else renameSync(`${metrics}.away`, metrics);
      } else if (!isMounted) chmodSync(metrics, isFull ? 0o500 : 0o700);
      else if (isFull) writeUntilFull(filler);
      else rmSync(filler, { force: true });
      return !takesWrites(join(metrics, "probe"));
    },
    log: () => readFileSync(logPath, "utf8"),
    textfile: () => textOf(join(metrics, "ocir_broker.prom")),
    async takeDown() {
      await supervisor.stop();
      await simulator.close();
      if (isMounted) execFileSync("umount", [metrics]);
      rmSync(directory, { recursive: true });
    },
  };
}

function mounts(args: readonly string[]): boolean {
  try {
    execFileSync("mount", args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function writeUntilFull(path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(1 << 20));
  } catch {
    // ENOSPC is what is wanted.
  }
}

function takesWrites(path: string): boolean {
  try {
    writeFileSync(path, "x");
    rmSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether a process that may open so many descriptors more takes no further connection: as many idle ones are held, and
 * one that asks behind them is closed without a word, which is how libuv turns away what it cannot accept.
 */
export async function isTurnedAway(socketPath: string, spare: number): Promise<boolean> {
  const held = Array.from({ length: spare }, () => connect(socketPath).on("error", () => undefined));
  await Promise.all(held.map((socket) => Promise.race([once(socket, "connect"), once(socket, "close")])));
  const answer = await ask(socketPath, "/livez");
  for (const socket of held) socket.destroy();
  return answer === undefined;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
