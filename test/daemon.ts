/** Starts the built daemon as an operator would, with a simulator as its cloud; shared by demo, bench and tests. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { clusterSection, daemonSections } from "@ocir-broker/config/test/config";
import type { Simulator } from "@ocir-broker/oci-simulator/simulator";

export const BROKER = join(import.meta.dirname, "../dist/ocir-broker");
export const SHIM = join(import.meta.dirname, "../dist/credential-provider-oke");
export const DOCKER_HELPER = join(import.meta.dirname, "../dist/docker-credential-ocir");
/** As the unit starts it: with the launcher's environment. */
export const LAUNCHED: readonly [string, string] = [join(import.meta.dirname, "../dist/ocir-broker-launch"), BROKER];

export type DaemonConfig = ReturnType<typeof daemonConfig>;

export interface DaemonOptions {
  /** Hosts that are assigned in turn to the simulator's registry listeners. */
  readonly registryHosts: readonly string[];
  readonly prefetch?: readonly string[];
  readonly logLevel?: string;
  readonly deadline?: string;
  /** Further keys of that section; with it, service accounts use the simulated cluster's token exchange. */
  readonly serviceAccounts?: object;
}

export type Daemon = ReturnType<typeof spawnServer>;

/** Writes a configuration file into `directory`, which also gets the sockets. JSON is YAML. */
export function daemonConfig(directory: string, simulator: Simulator, options: DaemonOptions) {
  const { registryHosts: extraHosts, prefetch = [], serviceAccounts, deadline, logLevel: level = "info" } = options;
  const sections = daemonSections(simulator, directory, extraHosts);
  const path = join(directory, "config.yaml");
  const config = {
    ...sections,
    serviceAccounts: serviceAccounts && { ...clusterSection(simulator, directory), ...serviceAccounts },
    request: { deadline },
    registries: { ...sections.registries, prefetch, extraHosts },
    log: { level },
  };
  writeFileSync(path, JSON.stringify(config));
  return { path, credentialsSocket: sections.sockets.credentials, healthSocket: sections.sockets.health };
}

/** Resolves once both sockets accept connections. */
export async function startDaemon(config: DaemonConfig, program = BROKER, ...args: readonly string[]): Promise<Daemon> {
  const daemon = spawnServer([program, ...args, "serve", "--config", config.path], {});
  await untilListening(daemon, config.credentialsSocket, config.healthSocket);
  return daemon;
}

/** Not up yet. */
export function spawnServer([program = "", ...args]: readonly string[], env: NodeJS.ProcessEnv) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env });
  const pieces: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => pieces.push(piece));
  const ended = once(child, "exit");
  return {
    process: child,
    pid: child.pid as number,
    /** Its standard output and error. */
    output: () => Buffer.concat(pieces).toString(),
    /** Sends SIGTERM, and waits until it has ended. */
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** @throws Error with its output if it ends before all sockets accept connections */
export async function untilListening(daemon: Daemon, ...sockets: readonly string[]): Promise<void> {
  for (const socket of sockets) await untilSo(daemon, () => takesConnections(socket));
}

/** @throws Error with its output if it ends before. @returns the match in its output */
export async function untilSaid(daemon: Daemon, text: string | RegExp): Promise<RegExpMatchArray> {
  const found = () => daemon.output().match(text);
  await untilSo(daemon, () => found() !== null);
  return found() as RegExpMatchArray;
}

async function untilSo(daemon: Daemon, isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    const { exitCode, signalCode, spawnargs } = daemon.process;
    if (exitCode !== null || signalCode !== null) throw new Error(`${spawnargs.join(" ")} ended: ${daemon.output()}`);
    await setTimeout(10);
  }
}

function takesConnections(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
