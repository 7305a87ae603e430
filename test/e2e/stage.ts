/** A stage for one test: a simulator, the built daemon (optional), and the built shim. */
import { startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { type CredentialProviderResult, callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { onTestFinished } from "vitest";
import { BROKER, type DaemonOptions, daemonConfig, SHIM, startDaemon } from "../daemon.ts";

export const REGISTRY_HOSTS = ["icn.ocir.io", "us-ashburn-1.ocir.io", "ocir.eu-frankfurt-1.oci.oraclecloud.com"];

/** Taken down when the test ends. */
export async function setStage(options: { daemon?: Partial<DaemonOptions>; broker?: string } = {}) {
  const stage = await setStageWithoutDaemon(options.daemon);
  const daemon = await startDaemon(stage.config, options.broker);
  onTestFinished(() => daemon.stop());
  return { ...stage, daemon };
}

/** Taken down when the test ends. */
export async function setStageWithoutDaemon(configured: Partial<DaemonOptions> = {}) {
  const simulator = await startSimulator({
    registry: REGISTRY_HOSTS.map((_host, index) => `127.0.0.${index + 1}:0`),
  });
  onTestFinished(() => simulator.close());
  const config = daemonConfig(temporaryFolder(), simulator, { registryHosts: REGISTRY_HOSTS, ...configured });
  const env = { OCIR_BROKER_SOCKET: config.credentialsSocket };
  return {
    simulator,
    config,
    /** As the kubelet calls the shim, with a pod's service-account token if there is one. */
    call: (image: string, serviceAccountToken?: string) =>
      callCredentialProvider({ path: SHIM, env, image, serviceAccountToken }),
    /** Runs `ocir-broker get` with the node's identity, which is not an ordinary user's default. */
    get: (args: readonly string[], stdin = "", broker = BROKER) =>
      callCredentialProvider({
        path: broker,
        args: ["get", "--config", config.path, ...args],
        env: { OCI_CLI_AUTH: "instance_principal" },
        stdin,
      }),
  };
}

/** @throws Error with the shim's error line if it did not exit with 0. */
export function responseOf({ exitCode, stdout, stderr }: CredentialProviderResult) {
  if (exitCode !== 0) throw new Error(`exit ${exitCode}: ${stderr}`);
  return JSON.parse(stdout) as { apiVersion: string; auth: Record<string, { username: string; password: string }> };
}
