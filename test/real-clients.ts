/** Clients that need their own daemon or ask for a password, on the stage with a real registry. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { spawnServer, untilListening } from "./daemon.ts";
import type { RealRegistryStage } from "./real-registry.ts";

/** Its address. It pulls and unpacks, and runs nothing. */
export async function startContainerd(stage: RealRegistryStage): Promise<string> {
  const { directory } = stage;
  const address = join(directory, "containerd.sock");
  const config = join(directory, "containerd.toml");
  writeFileSync(
    config,
    `version = 2
root = "${directory}/containerd"
state = "${directory}/containerd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${address}"
`,
  );
  await startServer(stage, address, ["containerd", "--config", config]);
  return address;
}

/** For its client's `--host`. It starts its own containerd, and creates no networks. */
export async function startDockerd(stage: RealRegistryStage): Promise<string> {
  const { directory } = stage;
  const address = join(directory, "docker.sock");
  const folders = ["data-root", "exec-root"].map((name) => `--${name}=${directory}/docker-${name}`);
  const network = ["--bridge=none", "--iptables=false", "--ip6tables=false"];
  const others = ["--storage-driver=vfs", `--pidfile=${directory}/docker.pid`, `--host=unix://${address}`];
  await startServer(stage, address, ["dockerd", ...folders, ...network, ...others]);
  return `unix://${address}`;
}

/** Ended when the test ends. */
async function startServer({ env }: RealRegistryStage, socket: string, command: readonly string[]): Promise<void> {
  const server = spawnServer(command, env);
  onTestFinished(() => server.stop());
  await untilListening(server, socket);
}

/** On its own terminal, where it asks for the password, which is then in no list of processes. */
export async function typePassword(
  { env, directory }: RealRegistryStage,
  command: string,
  password: string,
): Promise<void> {
  const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], { env, cwd: directory });
  let said = "";
  child.stdout.on("data", (piece: Buffer) => {
    const isAsked = !said.includes("Password:");
    said += piece;
    if (isAsked && said.includes("Password:")) child.stdin.write(password);
  });
  const [exitCode] = await once(child, "close");
  if (exitCode !== 0) throw new Error(`${command}: ${said}`);
}
