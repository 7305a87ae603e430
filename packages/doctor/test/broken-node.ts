/**
 * A node for tests: a tree of files, a simulated cloud, and programs that stand for kubelet and plugin. It starts healthy;
 * each test breaks one thing.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Config, configSchema } from "@ocir-broker/broker";
import { type Clock, createSystemClock, systemRandom } from "@ocir-broker/foundation";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { onTestFinished } from "vitest";
import { createCloud } from "../src/cloud.ts";
import { diagnose } from "../src/doctor.ts";
import type { DoctorOptions } from "../src/doctor-options.ts";
import type { Finding } from "../src/finding.ts";

export interface BrokenNode extends AsyncDisposable {
  readonly root: string;
  readonly simulator: Simulator;
  readonly clock: MovableClock;
  readonly config: Config;
  /** Fetches a new token of the simulated registry. */
  token(): Promise<string>;
  write(path: string, text: string, mode?: number): void;
  remove(path: string): void;
  /** Arguments of the running kubelet. */
  kubelet(...args: string[]): void;
  providers(...yaml: string[]): void;
  /** The plugin's program, a shell script. */
  plugin(script: string, version?: string): void;
  examine(options?: Partial<DoctorOptions>): Promise<readonly Finding[]>;
}

interface MovableClock extends Clock {
  moveWall(ms: number): void;
  setRight(): void;
}

export const IMAGE = "iad.ocir.io/acme/shop/web:latest";
export const VERSION = "1.2.3";
export const PLUGIN = "/usr/local/bin/credential-provider-oke";

const CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
export const KUBELET_FLAGS = [
  `--image-credential-provider-config=${CONFIG}`,
  "--image-credential-provider-bin-dir=/usr/local/bin",
];

export const OUR_PROVIDER = `
  - name: credential-provider-oke
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ["*.ocir.io", "ocir.*.oci.*.*"]
    defaultCacheDuration: "0s"`;

export function credentials(password: string): object {
  return { "iad.ocir.io": { username: "BEARER_TOKEN", password }, "*.ocir.io": { username: "", password: "" } };
}

export function answerScript(auth: object): string {
  const response = {
    kind: "CredentialProviderResponse",
    apiVersion: "credentialprovider.kubelet.k8s.io/v1",
    cacheKeyType: "Registry",
    cacheDuration: "0s",
    auth,
  };
  return `cat > /dev/null; echo '${JSON.stringify(response)}'`;
}

/** A simulated cloud and its clock. Several nodes use it in turn, since creating it takes longer than a test. */
export interface SharedCloud {
  readonly simulator: Simulator;
  readonly clock: MovableClock;
}

export async function createSharedCloud(): Promise<SharedCloud> {
  const clock = createMovableClock();
  return { clock, simulator: await startSimulator({ clock }) };
}

export async function createBrokenNode(shared?: SharedCloud): Promise<BrokenNode> {
  const root = mkdtempSync(join(tmpdir(), "doctor-"));
  const { simulator, clock } = shared ?? (await createSharedCloud());
  const servers: Server[] = [];
  const config = configSchema.parse({
    metadata: { baseUrl: simulator.metadataUrl.href },
    auth: { endpoint: simulator.authUrl.href },
    registries: { endpoints: { "iad.ocir.io": simulator.registryUrl.origin } },
  });

  function write(path: string, text: string, mode = 0o644): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    rmSync(join(root, path), { force: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), mode);
  }

  const node: BrokenNode = {
    root,
    simulator,
    clock,
    config,
    async token() {
      const cloud = createCloud({
        config,
        environment: {},
        clock,
        random: systemRandom,
        signal: new AbortController().signal,
      });
      const { value } = await cloud.token("iad.ocir.io");
      await cloud.close();
      return value.reveal();
    },
    write,
    remove: (path) => rmSync(join(root, path), { recursive: true, force: true }),
    kubelet(...args) {
      write("/proc/4242/cmdline", `${["/usr/bin/kubelet", ...args].join("\0")}\0`);
      write("/proc/4242/cgroup", "0::/system.slice/kubelet.service\n");
      rmSync(join(root, "/proc/4242/exe"), { force: true });
      symlinkSync("../../usr/bin/kubelet", join(root, "/proc/4242/exe"));
    },
    providers: (...yaml) =>
      write(
        CONFIG,
        `apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:${yaml.join("")}\n`,
      ),
    plugin: (script, version = VERSION) =>
      write(
        PLUGIN,
        `#!/bin/sh\nif [ "$1" = --version ]; then echo "credential-provider-oke ${version}"; exit; fi\n${script}\n`,
        0o755,
      ),
    async examine(given = {}) {
      const { findings } = await diagnose({
        config,
        environment: {},
        configSource: "read from /etc/ocir-broker/config.yaml",
        image: IMAGE,
        version: VERSION,
        clock,
        random: systemRandom,
        root,
        ownerId: process.getuid?.() ?? 0,
        limitMs: 30_000,
        ...given,
      });
      return findings;
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
      clock.setRight();
      simulator.reset();
      if (shared === undefined) await simulator.close();
      rmSync(root, { recursive: true });
    },
  };

  write("/proc/1/cmdline", "/sbin/init\0");
  write("/proc/self", "");
  node.kubelet("--node-ip=10.0.0.2", ...KUBELET_FLAGS);
  write("/usr/bin/kubelet", "#!/bin/sh\necho Kubernetes v1.33.1\n", 0o755);
  node.providers(OUR_PROVIDER);
  node.plugin(answerScript(credentials(await node.token())));
  servers.push(await listen(root, config.sockets.health, answerStatus({})));
  servers.push(await listen(root, config.sockets.credentials, () => ""));
  chmodSync(join(root, config.sockets.credentials), 0o600);
  return node;
}

/** The configuration with other sections, each replaced as a whole. */
export function withConfig({ config }: Pick<BrokenNode, "config">, sections: object): Pick<DoctorOptions, "config"> {
  return { config: configSchema.parse({ ...config, ...sections }) };
}

/** The body of /status, with the given fields replaced. */
export function answerStatus(changed: object): () => string {
  const life = { lastFailure: null, failuresInARow: 0, ageSeconds: 60, expiresInSeconds: 3_540 };
  const healthy = {
    status: "ok",
    version: VERSION,
    uptimeSeconds: 3_600,
    identity: "instance-principal",
    config: null,
    session: life,
    serviceAccountFailure: null,
    registries: { "iad.ocir.io": life },
  };
  return () => JSON.stringify({ ...healthy, ...changed });
}

/** Somebody else's registry, which counts the connections to it. */
export async function foreignRegistry(): Promise<{ readonly host: string; readonly connections: () => number }> {
  let connections = 0;
  const server = createServer().on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, connections: () => connections };
}

/** A health socket in the tree that gives this answer, or none if `answer` is absent. */
export async function listen(root: string, path: string, answer?: () => string): Promise<Server> {
  const place = join(root, path);
  mkdirSync(dirname(place), { recursive: true });
  rmSync(place, { force: true });
  const server = createServer((_request, response) => {
    if (answer !== undefined) response.end(answer());
  });
  await new Promise<void>((resolve) => server.listen(place, resolve));
  return server;
}

function createMovableClock(): MovableClock {
  const clock = createSystemClock();
  let movedMs = 0;
  return {
    ...clock,
    wallMs: () => clock.wallMs() + movedMs,
    moveWall(ms) {
      movedMs += ms;
    },
    setRight() {
      movedMs = 0;
    },
  };
}
