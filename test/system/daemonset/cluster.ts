/** A node with a running kubelet, an API server that it can reach, and the DaemonSet's image, unpacked by skopeo and tar. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "@ocir-broker/testkit/until";
import { expect } from "vitest";
import { createApiServer } from "../../daemonset/api-server.ts";
import { makeArchives } from "../install/archives.ts";
import { bootNode } from "../install/oke-node.ts";
import { startKubelet } from "../install/running-kubelet.ts";
import { makeCertificates } from "./certificates.ts";
import { makeImage } from "./image.ts";
import { type Pod, startPod } from "./pod.ts";
import { SERVICE_HOST, serveAtServiceAddress } from "./service-address.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");
const FOLDER = join(CHECKOUT, "dist/test-daemonset");
/** Its path inside a node. */
const FOLDER_ON_NODE = "/opt/checkout/dist/test-daemonset";
const NODE = "node-a";
const TOKEN = "a-service-account-token";
/** The pod checks every second or two. */
const LEASE_SECONDS = 60;
/** For a busy machine, with an error before it. */
const SAID_LIMIT_MS = 3 * LEASE_SECONDS * 1_000;

export async function bootCluster() {
  await makeArchives();
  const rootfs = await unpackImage();
  const { key, cert, caCert } = makeCertificates(FOLDER, SERVICE_HOST);
  const api = createApiServer({ key, cert });
  api.tokens.add(TOKEN);
  await api.start(join(FOLDER, "api.sock"));
  const oke = await bootNode();
  await serveAtServiceAddress(oke.root, `${FOLDER_ON_NODE}/api.sock`);
  let lines = "";
  const pods: Pod[] = [];
  return {
    api,
    oke,
    /** The state of the kubelet, and since when. */
    kubelet: () => oke.root.run("systemctl", ["show", "--property=ActiveState,MainPID,NRestarts", "kubelet"]),
    /** Starts a pod on the node. */
    async start(): Promise<Pod> {
      const pod = await startPod({
        ...{ root: oke.root, node: NODE, rootfs, serviceHost: SERVICE_HOST, token: TOKEN, caCert },
        leaseSeconds: LEASE_SECONDS,
        onText(text) {
          lines += text;
        },
      });
      pods.push(pod);
      return pod;
    },
    /** Resolves when a pod has printed it since the last `renew`. */
    async said(text: string): Promise<void> {
      const isSaid = until(`it says ${text}`, async () => lines.includes(text), SAID_LIMIT_MS);
      await isSaid.catch((error) => expect.fail(`${error.message}, but:\n${lines}`));
    },
    lines: () => lines,
    /** As a person, after a failure. */
    askForRetry(): void {
      const { metadata } = api.nodes.get(NODE);
      metadata.annotations = { ...metadata.annotations, "ocir-broker/retry": "now" };
    },
    forgetLines() {
      lines = "";
    },
    /** Resolves when no node holds the Lease. */
    turnIsOver: () => until("the turn is over", async () => api.lease.spec?.holderIdentity === undefined),
    /** No pods, nothing installed, a Lease without a holder. */
    async renew(): Promise<void> {
      await Promise.all(pods.splice(0).map((pod) => pod.kill()));
      await oke.renew();
      await startKubelet(oke, "");
      api.nodes.clear();
      api.addNode(NODE);
      delete api.lease.spec;
      lines = "";
    },
    async powerOff(): Promise<void> {
      await Promise.all(pods.map((pod) => pod.kill()));
      await oke.root.powerOff();
      await api.stop();
    },
  };
}

export type Cluster = Awaited<ReturnType<typeof bootCluster>>;

/** Returns the folder of the image's files inside a node; the image's configuration is next to it. */
async function unpackImage(): Promise<string> {
  const { image } = await makeImage(FOLDER);
  mkdirSync(join(FOLDER, "rootfs"));
  const unpacked = join(FOLDER, "unpacked");
  const from = `oci-archive:${join(FOLDER, image)}`;
  execFileSync("skopeo", ["--insecure-policy", "copy", "--quiet", from, `dir:${unpacked}`]);
  const { config, layers } = JSON.parse(readFileSync(join(unpacked, "manifest.json"), "utf8"));
  const blob = (descriptor: { digest: string }) => join(unpacked, descriptor.digest.replace("sha256:", ""));
  for (const layer of layers) execFileSync("tar", ["-xzf", blob(layer), "-C", join(FOLDER, "rootfs")]);
  copyFileSync(blob(config), join(FOLDER, "config.json"));
  return `${FOLDER_ON_NODE}/rootfs`;
}
