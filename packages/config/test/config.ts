/** For tests: configurations. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Simulator } from "@ocir-broker/oci-simulator/simulator";
import { checkConfig } from "../src/load.ts";
import type { Config } from "../src/schema.ts";

/** The configuration of a valid text, or of valid sections. */
export function configOf(written: string | object, environment?: NodeJS.ProcessEnv): Config {
  const checked = checkConfig(typeof written === "string" ? written : JSON.stringify(written), environment);
  if ("errors" in checked) throw new Error(checked.errors.join("\n"));
  return checked.config;
}

/**
 * Sections for a daemon whose files are in a folder, and whose cloud is a simulator, to whose registry listeners the hosts are assigned
 * in turn. It prefetches no token.
 */
export function daemonSections(simulator: Simulator, folder: string, registryHosts: readonly string[]) {
  const urls = simulator.registryUrls;
  return {
    sockets: { credentials: join(folder, "credentials.sock"), health: join(folder, "health.sock") },
    metrics: { textfile: join(folder, "metrics.prom") },
    metadata: { baseUrl: simulator.metadataUrl.href },
    auth: { endpoint: simulator.authUrl.origin },
    registries: {
      prefetch: [],
      endpoints: Object.fromEntries(registryHosts.map((host, index) => [host, urls[index % urls.length]?.origin])),
    },
  };
}

/** The section for service accounts whose tokens the simulated cluster exchanges. Writes its CA into the folder. */
export function clusterSection({ clusterUrl, clusterCaCertificate }: Simulator, folder: string) {
  const caFile = join(folder, "cluster-ca.crt");
  writeFileSync(caFile, clusterCaCertificate);
  return { tokenExchange: "oke", apiServer: clusterUrl.origin, endpoint: clusterUrl.origin, caFile } as const;
}
