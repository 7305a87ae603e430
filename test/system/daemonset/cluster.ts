/** Nodes with running kubelets, an API server that all can reach, and the DaemonSet's image, unpacked by skopeo and tar. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeDaemonSetImage } from "../../../packages/packaging/src/daemonset-image.ts";
import { TARGETS, type Target } from "../../../packages/packaging/src/target.ts";
import { makeArchives, VERSION } from "../install/archives.ts";
import { bootNode, type OkeNode } from "../install/oke-node.ts";
import { startKubelet } from "../install/running-kubelet.ts";
import { type ApiServer, createApiServer } from "./api-server.ts";
import { type Pod, startPod } from "./pod.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");
const FOLDER = join(CHECKOUT, "dist/test-daemonset");
/** Its path inside a node. */
const FOLDER_ON_NODE = "/opt/checkout/dist/test-daemonset";
const SERVICE_HOST = "10.96.0.1";
/** A node checks every second or two, retries after a fault in 20 s, and takes a Lease that was not renewed for 60 s. */
export const LEASE_SECONDS = 60;

/** For a busy machine, with a Lease that must expire and another node's fault before it. */
const SAID_LIMIT_MS = 3 * LEASE_SECONDS * 1_000;

export interface Line {
  readonly node: string;
  readonly text: string;
}

export interface ClusterNode {
  readonly name: string;
  readonly oke: OkeNode;
  startPod(token?: string): Promise<Pod>;
}

export interface Cluster {
  readonly api: ApiServer;
  readonly nodes: readonly [ClusterNode, ClusterNode, ClusterNode];
  /** The output of all pods, in order. */
  readonly lines: readonly Line[];
  /** The state of the kubelets, and since when. */
  kubelets(): Promise<string[]>;
  /** Resolves when a pod has printed it, now or earlier. */
  said(node: ClusterNode, text: string | RegExp): Promise<void>;
  forgetLines(): void;
  /** No pods, nothing installed, a Lease without a holder. */
  renew(): Promise<void>;
  powerOff(): Promise<void>;
}

export async function bootCluster(): Promise<Cluster> {
  await makeArchives();
  const rootfs = await unpackImage();
  const api = createApiServer(FOLDER, SERVICE_HOST);
  await api.start();
  const lines: Line[] = [];
  const pods: Pod[] = [];
  const boot = async (name: string): Promise<ClusterNode> => {
    const oke = await bootNode();
    await oke.root.run("ip", ["address", "add", `${SERVICE_HOST}/32`, "dev", "lo"]);
    await oke.root.run("systemd-run", [
      ...["--quiet", "--unit", "way-to-api-server", "systemd-socket-activate", "--listen", `${SERVICE_HOST}:443`],
      ...["/usr/lib/systemd/systemd-socket-proxyd", `${FOLDER_ON_NODE}/api.sock`],
    ]);
    api.addNode(name);
    return {
      name,
      oke,
      async startPod(token = api.issueToken(name)) {
        const pod = await startPod({
          root: oke.root,
          node: name,
          rootfs,
          serviceHost: SERVICE_HOST,
          token,
          caCert: api.caCert,
          leaseSeconds: LEASE_SECONDS,
          onLine: (text) => lines.push({ node: name, text }),
        });
        pods.push(pod);
        return pod;
      },
    };
  };
  const nodes = await Promise.all([boot("node-a"), boot("node-b"), boot("node-c")]);
  return {
    api,
    nodes: nodes as [ClusterNode, ClusterNode, ClusterNode],
    lines,
    async said({ name }, text) {
      const is = (line: Line) =>
        line.node === name && (typeof text === "string" ? line.text.includes(text) : text.test(line.text));
      const deadline = performance.now() + SAID_LIMIT_MS;
      while (!lines.some(is)) {
        if (performance.now() > deadline) throw new Error(`${name} has not said ${text}, but:\n${transcript(lines)}`);
        await sleep(20);
      }
    },
    kubelets: () =>
      Promise.all(
        nodes.map(({ oke }) =>
          oke.root.run("systemctl", ["show", "--property=ActiveState,MainPID,NRestarts", "kubelet"]),
        ),
      ),
    forgetLines() {
      lines.length = 0;
    },
    async renew() {
      await Promise.all(pods.splice(0).map((pod) => pod.kill()));
      await Promise.all(nodes.map(({ oke }) => oke.renew()));
      await Promise.all(nodes.map(({ oke }) => startKubelet(oke, "")));
      for (const { name } of nodes) api.cordon(name, false);
      api.release();
      lines.length = 0;
    },
    async powerOff() {
      await Promise.all(pods.map((pod) => pod.kill()));
      await Promise.all(nodes.map(({ oke }) => oke.root.powerOff()));
      await api.stop();
    },
  };
}

/** Returns the folder of the image's files inside a node; the image's configuration is next to it. */
async function unpackImage(): Promise<string> {
  rmSync(FOLDER, { recursive: true, force: true });
  const target = TARGETS.find(({ nodeArchitecture }) => nodeArchitecture === process.arch) as Target;
  const archive = join(
    CHECKOUT,
    `dist/test-install/good/ocir-broker-${VERSION}-linux-${target.debArchitecture}.tar.gz`,
  );
  mkdirSync(join(FOLDER, "work"), { recursive: true });
  const { image } = await makeDaemonSetImage(
    { version: VERSION, epochS: 1_767_225_600 },
    [{ target, archive, programs: join(CHECKOUT, "dist") }],
    { work: join(FOLDER, "work"), output: FOLDER },
  );
  const unpacked = join(FOLDER, "unpacked");
  execFileSync("skopeo", [
    "--insecure-policy",
    "copy",
    "--quiet",
    `oci-archive:${join(FOLDER, image)}`,
    `dir:${unpacked}`,
  ]);
  const { config, layers } = JSON.parse(readFileSync(join(unpacked, "manifest.json"), "utf8"));
  const blob = (descriptor: { digest: string }) => join(unpacked, descriptor.digest.replace("sha256:", ""));
  mkdirSync(join(FOLDER, "rootfs"));
  for (const layer of layers) execFileSync("tar", ["-xzf", blob(layer), "-C", join(FOLDER, "rootfs")]);
  copyFileSync(blob(config), join(FOLDER, "config.json"));
  return `${FOLDER_ON_NODE}/rootfs`;
}

function transcript(lines: readonly Line[]): string {
  return lines.map(({ node, text }) => `${node}| ${text}\n`).join("");
}
