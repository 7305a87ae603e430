/** A stage for one test: a simulator, the built daemon (optional), and the built shim. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Simulator, type SimulatorOptions, startSimulator } from "@ocir-broker/oci-simulator";
import { type CredentialProviderResult, callCredentialProvider } from "@ocir-broker/testkit";
import { onTestFinished } from "vitest";
import {
  BROKER,
  type Daemon,
  type DaemonConfig,
  type DaemonOptions,
  daemonConfig,
  SHIM,
  startDaemon,
} from "../daemon.ts";

export interface Stage {
  readonly simulator: Simulator;
  readonly daemon: Daemon;
  readonly config: DaemonConfig;
  /** As the kubelet calls it, with a pod's service-account token if there is one. */
  call(image: string, serviceAccountToken?: string): Promise<CredentialProviderResult>;
}

export const REGISTRY_HOSTS = ["icn.ocir.io", "us-ashburn-1.ocir.io", "ocir.eu-frankfurt-1.oci.oraclecloud.com"];

/** Environment for a shim without a daemon that becomes the built executable. */
export interface StageWithoutDaemon {
  readonly simulator: Simulator;
  readonly config: DaemonConfig;
  call(image: string, shim?: string): Promise<CredentialProviderResult>;
  /** Runs `ocir-broker get` as a person does. */
  get(args: readonly string[], stdin?: string): Promise<CredentialProviderResult>;
  /** Process ids of the fallback brokers, in order. */
  starts(): number[];
}

/** Taken down when the test ends. */
export async function setStage(
  options: { simulator?: SimulatorOptions; daemon?: Partial<DaemonOptions>; broker?: string } = {},
): Promise<Stage> {
  const { simulator, config } = await setCloud(options.simulator, options.daemon);
  const daemon = await startDaemon(config, options.broker);
  onTestFinished(() => daemon.stop());
  const env = { OCIR_BROKER_SOCKET: config.credentialsSocket };
  return {
    simulator,
    daemon,
    config,
    call: (image, serviceAccountToken) => callCredentialProvider({ path: SHIM, env, image, serviceAccountToken }),
  };
}

/** Taken down when the test ends. */
export async function setStageWithoutDaemon(
  options: { simulator?: SimulatorOptions; deadline?: string } = {},
): Promise<StageWithoutDaemon> {
  const { directory, simulator, config } = await setCloud(options.simulator, { deadline: options.deadline ?? "15s" });
  chmodSync(directory, 0o755);
  const starts = join(directory, "starts");
  const program = join(directory, "ocir-broker");
  // The fallback broker's user owns no files here.
  writeFileSync(starts, "");
  chmodSync(starts, 0o666);
  const script = `#!/bin/sh\necho $$ >> ${starts}\nexec ${BROKER} "$@" --config ${config.path}\n`;
  writeFileSync(program, script, { mode: 0o755 });
  const env = { OCIR_BROKER_SOCKET: config.credentialsSocket, OCIR_BROKER_FALLBACK: program };
  return {
    simulator,
    config,
    call: (image, shim = SHIM) => callCredentialProvider({ path: shim, env, image }),
    get: (args, stdin = "") =>
      callCredentialProvider({ path: BROKER, args: ["get", "--config", config.path, ...args], stdin }),
    starts: () => readFileSync(starts, "utf8").split("\n").filter(Boolean).map(Number),
  };
}

async function setCloud(simulated: SimulatorOptions = {}, configured: Partial<DaemonOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "ocir-e2e-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const simulator = await startSimulator({
    registry: REGISTRY_HOSTS.map((_host, index) => `127.0.0.${index + 1}:0`),
    ...simulated,
  });
  onTestFinished(() => simulator.close());
  const config = daemonConfig(directory, simulator, { registryHosts: REGISTRY_HOSTS, ...configured });
  return { directory, simulator, config };
}

export interface Answer {
  readonly apiVersion: string;
  readonly auth: Readonly<Record<string, { username: string; password: string }>>;
}

/** @throws Error with the shim's error line if it did not exit with 0. */
export function answerOf({ exitCode, stdout, stderr }: CredentialProviderResult): Answer {
  if (exitCode !== 0) throw new Error(`exit ${exitCode}: ${stderr}`);
  return JSON.parse(stdout.toString()) as Answer;
}

export interface TokenClaims {
  readonly aud: string;
  readonly exp: number;
}

export function claimsOf(token: string): TokenClaims {
  return JSON.parse(Buffer.from(token.split(".")[1] as string, "base64url").toString()) as TokenClaims;
}
