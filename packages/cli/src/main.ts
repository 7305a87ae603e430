/** The command line: names the commands and says how a failure ends. Each command is a file of its own. */
import { Command } from "commander";
import { addConfigCommand } from "./commands/config.ts";
import { addGetCommand } from "./commands/get.ts";
import { addKubeletConfigCommand } from "./commands/kubelet-config.ts";
import { addServeCommand } from "./commands/serve.ts";
import { addVersionCommand } from "./commands/version.ts";
import { version } from "./environment.ts";

const program = new Command("ocir-broker")
  .description("Image-pull credentials for Oracle's container registry (OCIR) on this node")
  .version(version)
  .showHelpAfterError();

addServeCommand(program);
addGetCommand(program);
addConfigCommand(program);
addKubeletConfigCommand(program);
addVersionCommand(program);

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`ocir-broker: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
