/**
 * A node under a real systemd with everything that a pull needs: units, launcher, daemon, shim, and the simulator as its cloud. For
 * tests that need a service manager: restarts under load, access by other users.
 */
import { join } from "node:path";
import { until } from "@ocir-broker/testkit/until";
import { bootSystemd, type InstalledFile, type SystemdRoot } from "./systemd-root/systemd-root.ts";

const CHECKOUT = join(import.meta.dirname, "../..");

export const CREDENTIALS_SOCKET = "/run/ocir-broker/credentials.sock";
export const HEALTH_SOCKET = "/run/ocir-broker/health.sock";
export const METRICS_FOLDER = "/run/ocir-broker-metrics";
export const UNITS = ["ocir-broker.service", "ocir-broker.socket", "ocir-broker-health.socket"] as const;

export const DAEMON: InstalledFile = {
  from: join(CHECKOUT, "dist/ocir-broker"),
  to: "/usr/local/bin/ocir-broker",
  mode: 0o755,
};

/** An installation's files, for a boot that installs nothing itself. */
export const BROKER_FILES: readonly InstalledFile[] = [
  ...UNITS.map((unit) => ({ from: join(CHECKOUT, "systemd", unit), to: `/usr/lib/systemd/system/${unit}` })),
  { from: join(CHECKOUT, "systemd/ocir-broker.sysusers.conf"), to: "/usr/lib/sysusers.d/ocir-broker.conf" },
  { from: join(CHECKOUT, "systemd/ocir-broker.tmpfiles.conf"), to: "/usr/lib/tmpfiles.d/ocir-broker.conf" },
  { from: join(CHECKOUT, "dist/ocir-broker-launch"), to: "/usr/local/libexec/ocir-broker-launch", mode: 0o755 },
  DAEMON,
];

interface Provider {
  readonly name: string;
  readonly matchImages: readonly string[];
  readonly [further: string]: unknown;
}

export const OCIR_IMAGES = ["*.ocir.io", "ocir.*.oci.*.*"];

/** A kubelet's configuration with these providers. */
export function providerConfig(...providers: readonly Provider[]): string {
  const apiVersion = "credentialprovider.kubelet.k8s.io/v1";
  return JSON.stringify({
    apiVersion: "kubelet.config.k8s.io/v1",
    kind: "CredentialProviderConfig",
    providers: providers.map((provider) => ({ apiVersion, defaultCacheDuration: "0s", ...provider })),
  });
}

/** Settings added to a unit, as an administrator would. */
export function dropIn(unit: string, name: string, text: string) {
  return { from: { text }, to: `/etc/systemd/system/${unit}.d/${name}.conf` };
}

/** The service is stopped before and after; the action starts it. */
export async function withDropIn<T>(
  root: SystemdRoot,
  file: ReturnType<typeof dropIn>,
  action: () => Promise<T>,
): Promise<T> {
  root.write(file.to, file.from.text);
  await root.run("systemctl", ["stop", SERVICE]);
  await root.run("systemctl", ["daemon-reload"]);
  try {
    return await action();
  } finally {
    await root.run("systemctl", ["stop", SERVICE]);
    await root.run("rm", [file.to]);
    await root.run("systemctl", ["daemon-reload"]);
  }
}

export const SERVICE = "ocir-broker.service";
export const SHIM = "/usr/local/bin/credential-provider-oke";
export const REGISTRY_HOST = "iad.ocir.io";
export const IMAGE = `${REGISTRY_HOST}/acme/shop/web`;
/** The path of the pinned Node inside. */
export const NODE = "/opt/checkout/node_modules/.bin/node";

export const CONTROL_URL = "http://127.0.0.1:18083";
const LOAD_PROGRAM = "/opt/checkout/test/system/shim-load.ts";

/** A broker's configuration, for these registry hosts in the simulated cloud. */
export function brokerConfig(...hosts: readonly string[]): string {
  return `registries: {endpoints: {${hosts.map((host) => `${host}: "http://127.0.0.1:18080"`).join(", ")}}}
metadata: {baseUrl: "http://127.0.0.1:18081/opc/v2"}
auth: {endpoint: "http://127.0.0.1:18082"}
`;
}

/** The output of `shim-load.ts`. */
export interface LoadReport {
  readonly calls: number;
  /** One line for each call without a token. */
  readonly failures: readonly string[];
  readonly tokens: readonly string[];
}

export async function bootSimulatedNode(): Promise<SystemdRoot> {
  const root = await bootSystemd({
    files: [
      ...BROKER_FILES,
      { from: join(CHECKOUT, "dist/credential-provider-oke"), to: SHIM, mode: 0o755 },
      { from: { text: `${brokerConfig(REGISTRY_HOST)}log: {level: info}\n` }, to: "/etc/ocir-broker/config.yaml" },
    ],
    enable: ["ocir-broker.socket"],
  });
  await startSimulator(root);
  return root;
}

/** Starts the simulated cloud on a node, and resolves when it answers. */
export async function startSimulator(root: SystemdRoot, ...flags: readonly string[]): Promise<void> {
  await root.run("systemd-run", [
    ...["--quiet", "--collect", "--unit", "simulator", "--working-directory=/opt/checkout", NODE],
    ...["test/oci-simulator/src/main.ts", ...flags],
  ]);
  const isUp = async () => (await root.exec("curl", ["-sSf", `${CONTROL_URL}/requests`])).exitCode === 0;
  await until("the simulator answers", isUp);
}

/** Changes the simulated cloud. @returns its response */
export function control(root: SystemdRoot, path: string, body: object = {}): Promise<string> {
  return root.run("curl", ["-sSf", "-d", JSON.stringify(body), `${CONTROL_URL}${path}`]);
}

/** Kills the daemon, and resolves when systemd has started another one, which is ready. */
export async function killDaemon(root: SystemdRoot): Promise<void> {
  const before = await root.property(SERVICE, "MainPID");
  await root.run("kill", ["-KILL", before]);
  await until("another process is ready", async () => {
    // One call for both values: with two calls, the first may still describe the killed process.
    const shown = await root.run("systemctl", ["show", "--property=MainPID,ActiveState", SERVICE]);
    return /^ActiveState=active$/m.test(shown) && !new RegExp(`^MainPID=(0|${before})$`, "m").test(shown);
  });
}

interface Load {
  readonly image?: string;
  /** With a service account's token, for every second call. */
  readonly tokenFile?: string;
  readonly timeoutMs?: number;
  /** Of the program that calls, not of the shim. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Calls the shim 50 times a second, as a kubelet does, for as long as `action` takes. */
export async function underLoad(
  root: SystemdRoot,
  action: () => Promise<unknown>,
  { image = IMAGE, tokenFile, timeoutMs = 300_000, env = {} }: Load = {},
): Promise<LoadReport> {
  const stopFile = "/run/shim-load.stop";
  await root.run("rm", ["-f", stopFile]);
  const token = tokenFile === undefined ? [] : [tokenFile];
  const load = root.run(NODE, [LOAD_PROGRAM, SHIM, image, stopFile, ...token], { timeoutMs, env });
  try {
    await action();
  } finally {
    root.write(stopFile, "");
  }
  return JSON.parse(await load) as LoadReport;
}

/** Number of requests to the simulated cloud, by endpoint. */
export async function upstreamRequests(root: SystemdRoot): Promise<Record<string, number>> {
  return JSON.parse(await root.run("curl", ["-sSf", `${CONTROL_URL}/requests`])) as Record<string, number>;
}
