/** `ocir-broker disable` and `enable`: the off switch of one node. */
import { disable, enable } from "@ocir-broker/installer/commands/off-switch";
import type { Command } from "commander";
import { runNodeCommand } from "../node-command.ts";

export function addOffSwitchCommands(program: Command): void {
  program
    .command("disable")
    .description("switch ocir-broker off: the kubelet's plugin returns no credentials")
    .action(() => runNodeCommand({ output: "flags" }, disable));
  program
    .command("enable")
    .description("switch ocir-broker on again")
    .action(() => runNodeCommand({ output: "flags" }, enable));
}
