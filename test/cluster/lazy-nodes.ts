/**
 * Nodes of the lazy-loading test: containerd with the stargz snapshotter as its proxy plugin, in a mount namespace of their own, so that
 * nothing stays mounted. The snapshotter mounts each layer with FUSE.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Daemon, spawnServer, untilListening } from "../daemon.ts";
import { runProgram } from "../run-program.ts";
import { STARGZ } from "./consumer-programs.ts";
import { clusterPrograms, NEWEST_MINOR } from "./programs.ts";

export const CONTAINERD_PROGRAMS: readonly string[] = clusterPrograms(NEWEST_MINOR)
  .filter(({ name }) => name === "containerd" || name === "ctr")
  .map(({ path }) => path);
const [CONTAINERD = "", CTR = ""] = CONTAINERD_PROGRAMS;

/** Prints for each layer whether its file can be read. */
const READ = `for layer in $(seq 0 $(($3 - 1))); do cat "$1/$layer/$2" >/dev/null 2>&1 && echo read || echo failed; done`;

export interface LazyNodeOptions {
  /** Where the snapshotter gets credentials: root's config.json, or the kubelet's requests. */
  readonly keychain: "docker-config" | "cri";
  readonly fetch: "when-read" | "in-background";
  /** The snapshotter's. */
  readonly env: NodeJS.ProcessEnv;
}

export type LazyNode = Awaited<ReturnType<typeof startLazyNode>>;

/** @param folder new */
export async function startLazyNode(folder: string, { keychain, fetch, env }: LazyNodeOptions) {
  mkdirSync(folder);
  const containerdSocket = join(folder, "containerd.sock");
  const snapshotterSocket = join(folder, "snapshotter.sock");
  const configPath = join(folder, "config.toml");
  writeFileSync(configPath, containerdConfig(folder, containerdSocket, snapshotterSocket));
  const serve = [STARGZ.path, "serve", folder, keychain, fetch, containerdSocket];
  let snapshotter = spawnServer(["unshare", "--mount", "--propagation", "private", ...serve], env);
  await untilListening(snapshotter, snapshotterSocket);
  const entering = [...enter(snapshotter), CONTAINERD, "--config", configPath];
  const containerd = spawnServer(entering, { PATH: process.env["PATH"] });
  await untilListening(containerd, containerdSocket);

  const runInside = (...command: readonly string[]) => runProgram([...enter(containerd), ...command]);
  const ctr = [CTR, "--address", containerdSocket, "--namespace", "k8s.io"];
  const snapshots = (...args: readonly string[]) => runInside(...ctr, "snapshots", "--snapshotter", "stargz", ...args);
  const rootOf = (container: string) => join(folder, container);

  return {
    /** As the kubelet does, with the credential that its plugin returned. */
    async pull(image: string, password: string): Promise<void> {
      // With the keychain "cri", the kubelet's image service is the snapshotter.
      const socket = keychain === "cri" ? snapshotterSocket : containerdSocket;
      await runProgram([STARGZ.path, "pull", socket, image], { input: password });
    },
    /** Mounts the root of a new container, as containerd does. Rejects if a layer is unavailable. */
    async start(container: string, topLayer: string): Promise<void> {
      await snapshots("prepare", container, topLayer);
      const root = rootOf(container);
      mkdirSync(root);
      await runInside("sh", "-c", await snapshots("mounts", root, container));
    },
    /** For each layer, whether this file of it can be read. */
    async read(container: string, file: string, layers: number): Promise<string[]> {
      const lines = await runInside("sh", "-c", READ, "sh", rootOf(container), file, String(layers));
      return lines.trimEnd().split("\n");
    },
    /** For each layer, how much of it the snapshotter has fetched. */
    async fetchedPercents(container: string): Promise<number[]> {
      const texts = await runInside("sh", "-c", `cat "$1"/.stargz-snapshotter/*.json`, "sh", rootOf(container));
      return [...texts.matchAll(/"fetchedPercent":([\d.]+)/g)].map(([, percent]) => Number(percent));
    },
    /** Rejects if the snapshotter ends, because it cannot mount the layers again. */
    async restartSnapshotter(): Promise<void> {
      await snapshotter.stop();
      rmSync(snapshotterSocket);
      snapshotter = spawnServer([...enter(containerd), ...serve], env);
      await untilListening(snapshotter, snapshotterSocket);
    },
    async stop(): Promise<void> {
      for (const each of [snapshotter, containerd]) await each.stop();
    },
  };
}

/** Into the mount namespace of a process. */
function enter({ pid }: Daemon): string[] {
  return ["nsenter", `--target=${pid}`, "--mount"];
}

function containerdConfig(folder: string, socket: string, snapshotterSocket: string): string {
  return `version = 3
root = "${folder}/containerd"
state = "${folder}/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "${socket}"
[ttrpc]
address = "${socket}.ttrpc"
[proxy_plugins.stargz]
type = "snapshot"
address = "${snapshotterSocket}"
[plugins.'io.containerd.cri.v1.images']
snapshotter = "stargz"
disable_snapshot_annotations = false
`;
}
