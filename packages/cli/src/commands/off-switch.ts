/** `ocir-broker disable` and `enable`: the off switch of one node. The installed setup script does it, as root. */
import { spawnSync } from "node:child_process";
import type { Command } from "commander";

const SETUP = "/usr/libexec/ocir-broker/setup";

export function addOffSwitchCommands(program: Command): void {
  add(program, "disable", "switch ocir-broker off: the kubelet's plugin answers that there are no credentials");
  add(program, "enable", "switch ocir-broker on again");
}

function add(program: Command, name: "disable" | "enable", description: string): void {
  program
    .command(name)
    .description(description)
    .action(() => {
      const { status, error } = spawnSync(SETUP, [name], { stdio: "inherit" });
      if (error !== undefined) throw error;
      process.exitCode = status ?? 1;
    });
}
