/** A real containerd beside a real registry. Pulls and unpacks, runs nothing. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { onTestFinished } from "vitest";
import type { RealRegistryStage } from "./real-registry.ts";

/** The address that it listens on. Ends with the test. */
export async function startContainerd({ directory, env }: RealRegistryStage): Promise<string> {
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
  const child = spawn("containerd", ["--config", config], { env, stdio: "ignore" });
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  while (!existsSync(address)) {
    if (child.exitCode !== null) throw new Error("containerd ended");
    await setTimeout(20);
  }
  return address;
}
