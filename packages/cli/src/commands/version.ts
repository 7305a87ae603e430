/** `ocir-broker version`: prints the version of the broker and of its Node. */
import type { Command } from "commander";
import { version } from "../process/environment.ts";

export function addVersionCommand(program: Command): void {
  program
    .command("version")
    .description("print the version of the broker and of the Node inside it")
    .action(() => {
      process.stdout.write(
        `ocir-broker ${version} (Node ${process.versions.node}, ${process.platform}-${process.arch})\n`,
      );
    });
}
