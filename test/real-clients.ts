/** Who pulls through a daemon of its own or asks for a password, on the stage with a real registry. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { takesConnections } from "./daemon.ts";
import type { RealRegistryStage } from "./real-registry.ts";

interface Stage extends Pick<RealRegistryStage, "directory" | "env"> {
  /** What a program is started with to be on the stage. */
  readonly enter?: readonly string[];
}

/** The address that it listens on. Pulls and unpacks, runs nothing. */
export async function startContainerd(stage: Stage): Promise<string> {
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

/** What its client takes for `--host`. It starts a containerd of its own; networks it makes none. */
export async function startDockerd(stage: Stage): Promise<string> {
  const { directory } = stage;
  const address = join(directory, "docker.sock");
  const folders = ["data-root", "exec-root"].map((name) => `--${name}=${directory}/docker-${name}`);
  const network = ["--bridge=none", "--iptables=false", "--ip6tables=false"];
  const others = ["--storage-driver=vfs", `--pidfile=${directory}/docker.pid`, `--host=unix://${address}`];
  await startServer(stage, address, ["dockerd", ...folders, ...network, ...others]);
  return `unix://${address}`;
}

/** Ended when the test ends. */
async function startServer({ env, enter = [] }: Stage, socket: string, server: readonly string[]): Promise<void> {
  const [program = "", ...args] = [...enter, ...server];
  const child = spawn(program, args, { env, stdio: "ignore" });
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  while (!(await takesConnections(socket))) {
    if (child.exitCode !== null) throw new Error(`${server[0]} ended`);
  }
}

/** On a terminal of its own: there it asks, and what is typed is in no list of processes. */
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
