/**
 * A node for tests: a tree of files, a simulated cloud, and programs that stand for kubelet and plugin. It starts healthy;
 * each test breaks one thing.
 */
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import type { RequestListener } from "node:http";
import { dirname, join } from "node:path";
import { configSchema } from "@ocir-broker/config/schema";
import { systemRandom } from "@ocir-broker/foundation/random";
import { type Clock, createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createNodeTree } from "@ocir-broker/node/test/node-tree";
import { serveOnSocket } from "@ocir-broker/node/test/socket-server";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import type { Simulator } from "@ocir-broker/oci-simulator/simulator";
import { encodeCredentialProviderResponse, type RegistryCredentials } from "@ocir-broker/protocol/response";
import { onTestFinished } from "vitest";
import { createCloud } from "../src/cloud.ts";
import { diagnose } from "../src/doctor.ts";
import type { DoctorOptions } from "../src/doctor-options.ts";
import type { Finding } from "../src/finding.ts";

export type BrokenNode = Awaited<ReturnType<typeof createBrokenNode>>;

export const IMAGE = "iad.ocir.io/acme/shop/web:latest";
const VERSION = "1.2.3";
export const PLUGIN = "/usr/local/bin/credential-provider-oke";

export const CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
export const KUBELET_FLAGS = [
  `--image-credential-provider-config=${CONFIG}`,
  "--image-credential-provider-bin-dir=/usr/local/bin",
];

export const OUR_PROVIDER = `
  - name: credential-provider-oke
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ["*.ocir.io", "ocir.*.oci.*.*"]
    defaultCacheDuration: "0s"`;

export function credentials(password: string): Record<string, RegistryCredentials> {
  return { "iad.ocir.io": { username: "BEARER_TOKEN", password }, "*.ocir.io": { username: "", password: "" } };
}

export const responseScript = (auth: Readonly<Record<string, RegistryCredentials>>): string =>
  `cat > /dev/null; echo '${encodeCredentialProviderResponse("credentialprovider.kubelet.k8s.io/v1", auth)}'`;

const system = createSystemClock();
let movedMs = 0;
/** Of each node and of its cloud. */
const clock: Clock = { ...system, wallMs: () => system.wallMs() + movedMs };

/** Moves the wall clock until the test ends. */
export function moveWall(ms: number): void {
  movedMs = ms;
  onTestFinished(() => {
    movedMs = 0;
  });
}

/** For the nodes of a file's tests: call it outside of all tests. */
export const simulateCloud = () => sharedSimulator({ clock });

export async function createBrokenNode(simulator: Simulator) {
  const tree = createNodeTree();
  const { root, write } = tree;
  const config = configSchema.parse({
    metadata: { baseUrl: simulator.metadataUrl.href },
    auth: { endpoint: simulator.authUrl.href },
    registries: { endpoints: { "iad.ocir.io": simulator.registryUrl.origin } },
  });

  const node = {
    ...tree,
    simulator,
    clock,
    config,
    /** Fetches a new token of the simulated registry. */
    async token(): Promise<string> {
      const { signal } = new AbortController();
      const cloud = createCloud({ config, environment: {}, clock, random: systemRandom, signal });
      const { value } = await cloud.token("iad.ocir.io");
      await cloud.close();
      return value.reveal();
    },
    /** Arguments of the running kubelet. */
    kubelet: (...args: string[]) =>
      tree.process(4242, "0::/system.slice/kubelet.service", ["/usr/bin/kubelet", ...args]),
    providers: (...yaml: string[]) =>
      write(
        CONFIG,
        `apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:${yaml.join("")}\n`,
      ),
    /** The plugin's program, a shell script. */
    plugin: (script: string, version = VERSION) =>
      write(
        PLUGIN,
        `#!/bin/sh\nif [ "$1" = --version ]; then echo "credential-provider-oke ${version}"; exit; fi\n${script}\n`,
        0o755,
      ),
    examine: (given: Partial<DoctorOptions> = {}): Promise<readonly Finding[]> =>
      diagnose({
        config,
        environment: {},
        configPath: "/etc/ocir-broker/config.yaml",
        configSource: "read from /etc/ocir-broker/config.yaml",
        image: IMAGE,
        version: VERSION,
        clock,
        random: systemRandom,
        isNode: true,
        root,
        ownerId: process.getuid?.() ?? 0,
        limitMs: 30_000,
        ...given,
      }),
  };

  write("/proc/1/cmdline", "/sbin/init\0");
  write("/proc/self", "");
  node.kubelet("--node-ip=10.0.0.2", ...KUBELET_FLAGS);
  write("/usr/bin/kubelet", "#!/bin/sh\necho Kubernetes v1.33.1\n", 0o755);
  node.providers(OUR_PROVIDER);
  node.plugin(responseScript(credentials(await node.token())));
  await listen(root, config.sockets.health, statusResponse({}));
  await listen(root, config.sockets.credentials, (_request, response) => response.end());
  chmodSync(join(root, config.sockets.credentials), 0o600);
  return node;
}

/** The configuration with other sections, each replaced as a whole. */
export function withConfig({ config }: Pick<BrokenNode, "config">, sections: object): Pick<DoctorOptions, "config"> {
  return { config: configSchema.parse({ ...config, ...sections }) };
}

/** Answers as a healthy daemon does to /status, with the given fields replaced. */
export function statusResponse(changed: object): RequestListener {
  const life = { lastFailure: null, failuresInARow: 0, ageSeconds: 60, expiresInSeconds: 3_540 };
  const healthy = {
    status: "ok",
    version: VERSION,
    uptimeSeconds: 3_600,
    identity: "instance-principal",
    config: null,
    session: life,
    serviceAccountFailures: [],
    unwritten: { metrics: null, state: null },
    registries: { "iad.ocir.io": life },
  };
  return (_request, response) => response.end(JSON.stringify({ ...healthy, ...changed }));
}

/** A health socket in the tree that gives this response, until the test ends. */
export async function listen(root: string, path: string, received: RequestListener): Promise<void> {
  const place = join(root, path);
  mkdirSync(dirname(place), { recursive: true });
  rmSync(place, { force: true });
  await serveOnSocket(received, place);
}
