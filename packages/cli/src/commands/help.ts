/** `ocir-broker help node connect`: Commander's own command would show the help of `node`. */
import type { Command } from "commander";

export function addHelpCommand(program: Command): void {
  program
    .helpCommand(false)
    .command("help")
    .description("show the help of a command")
    .argument("[command...]", "such as: node connect")
    .action(async (words: string[]) => {
      await program.parseAsync([...words, "--help"], { from: "user" });
    });
}
