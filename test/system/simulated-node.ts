/**
 * A node under a real systemd with everything that a pull needs: units, launcher, daemon, shim, and the simulator
 * inside as its cloud. For what is seen only there: restarts under load, what other users see, what it costs.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BROKER_FILES } from "./broker-on-a-node.ts";
import { bootSystemd, type InstalledFile, type SystemdRoot } from "./systemd-root/index.ts";

export const SERVICE = "ocir-broker.service";
export const SHIM = "/usr/local/bin/credential-provider-oke";
export const REGISTRY_HOST = "iad.ocir.io";
export const IMAGE = `${REGISTRY_HOST}/acme/shop/web`;
export const METADATA_URL = "http://127.0.0.1:18081/opc/v2";
/** The pinned one, as a program of the checkout is run inside. */
export const NODE = "/opt/checkout/node_modules/.bin/node";

const CONTROL_URL = "http://127.0.0.1:18083";
const LOAD_PROGRAM = "/opt/checkout/test/system/shim-load.ts";

/** What `shim-load.ts` prints. */
export interface LoadReport {
  readonly calls: number;
  /** One line a call that did not bring a token. */
  readonly failures: readonly string[];
  readonly tokens: readonly string[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export async function bootSimulatedNode(options: {
  readonly logLevel: string;
  readonly files?: readonly InstalledFile[];
}): Promise<SystemdRoot> {
  const config = {
    registries: { endpoints: { [REGISTRY_HOST]: "http://127.0.0.1:18080" } },
    metadata: { baseUrl: METADATA_URL },
    auth: { endpoint: "http://127.0.0.1:18082" },
    log: { level: options.logLevel },
  };
  const root = await bootSystemd({
    files: [
      ...BROKER_FILES,
      { from: join(import.meta.dirname, "../../dist/credential-provider-oke"), to: SHIM, mode: 0o755 },
      { from: { text: JSON.stringify(config) }, to: "/etc/ocir-broker/config.yaml" },
      ...(options.files ?? []),
    ],
    enable: ["ocir-broker.socket"],
  });
  await root.run("systemd-run", [
    ...["--quiet", "--unit", "simulator", "--working-directory=/opt/checkout"],
    ...[NODE, "packages/oci-simulator/src/main.ts"],
  ]);
  await until(
    "the simulator answers",
    async () => (await root.exec("curl", ["-sSf", `${CONTROL_URL}/requests`])).exitCode === 0,
  );
  return root;
}

/** Calls the shim 50 times a second, as a kubelet does, for as long as `action` takes. */
export async function underLoad(root: SystemdRoot, action: () => Promise<void>): Promise<LoadReport> {
  const stopFile = "/run/shim-load.stop";
  await root.run("rm", ["-f", stopFile]);
  const load = root.run(NODE, [LOAD_PROGRAM, SHIM, IMAGE, stopFile], { timeoutMs: 300_000 });
  try {
    await action();
  } finally {
    root.write(stopFile, "");
  }
  return JSON.parse(await load) as LoadReport;
}

/** Requests that the simulated cloud has had, by endpoint. */
export async function upstreamRequests(root: SystemdRoot): Promise<Record<string, number>> {
  return JSON.parse(await root.run("curl", ["-sSf", `${CONTROL_URL}/requests`])) as Record<string, number>;
}

export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (await isSo()) return;
    await sleep(50);
  }
  throw new Error(`not so within 15 s: ${what}`);
}
