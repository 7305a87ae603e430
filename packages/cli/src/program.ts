/** The command line as a tree; each command is a file of its own. Building it has no side effect. */
import type { Command } from "commander";
import { addConfigCommand } from "./commands/config.ts";
import { addDockerCredentialCommand } from "./commands/docker-credential.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addGetCommand } from "./commands/get.ts";
import { addHelpCommand } from "./commands/help.ts";
import { addKubeletConfigCommand } from "./commands/kubelet-config.ts";
import { addNodeCommand } from "./commands/node.ts";
import { addOffSwitchCommands } from "./commands/off-switch.ts";
import { addServeCommand } from "./commands/serve.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addVersionCommand } from "./commands/version.ts";
import { throwUsageErrors } from "./failure.ts";
import { version } from "./process/environment.ts";
import { StrictCommand } from "./strict-command.ts";

export function createProgram(): Command {
  const program = new StrictCommand("ocir-broker")
    .description("image-pull credentials for Oracle's container registry (OCIR) on this node")
    .version(version);
  addServeCommand(program);
  addGetCommand(program);
  addDockerCredentialCommand(program);
  addStatusCommand(program);
  addDoctorCommand(program);
  addConfigCommand(program);
  addKubeletConfigCommand(program);
  addNodeCommand(program);
  addOffSwitchCommands(program);
  addVersionCommand(program);
  addHelpCommand(program);
  throwUsageErrors(program);
  return program;
}
