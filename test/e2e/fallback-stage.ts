/** A stage without a daemon: a simulator, a configuration, and the built executable for the built shim to become. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Simulator, type SimulatorOptions, startSimulator } from "@ocir-broker/oci-simulator";
import { type CredentialProviderResult, callCredentialProvider } from "@ocir-broker/testkit";
import { onTestFinished } from "vitest";
import { BROKER, type DaemonConfig, daemonConfig, SHIM } from "../daemon.ts";
import { REGISTRY_HOSTS } from "./stage.ts";

export interface FallbackStage {
  readonly simulator: Simulator;
  readonly config: DaemonConfig;
  call(image: string, shim?: string): Promise<CredentialProviderResult>;
  /** `ocir-broker get` as a person types it. */
  get(args: readonly string[], stdin?: string): Promise<CredentialProviderResult>;
  /** Process ids of all that the shims became, in their order. */
  starts(): number[];
}

/** Taken down when the test ends. */
export async function setFallbackStage(
  options: { simulator?: SimulatorOptions; deadline?: string } = {},
): Promise<FallbackStage> {
  const directory = mkdtempSync(join(tmpdir(), "ocir-e2e-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  chmodSync(directory, 0o755);
  const simulator = await startSimulator({
    registry: REGISTRY_HOSTS.map((_host, index) => `127.0.0.${index + 1}:0`),
    ...options.simulator,
  });
  onTestFinished(() => simulator.close());
  const { deadline = "15s" } = options;
  const config = daemonConfig(directory, simulator, { registryHosts: REGISTRY_HOSTS, deadline });

  const starts = join(directory, "starts");
  const program = join(directory, "ocir-broker");
  // The process is nobody's that owns something here.
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
