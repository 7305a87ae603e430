/** `ocir-broker completion bash|zsh|fish`: prints the script that completes this command line. */
import { Argument, type Command } from "commander";
import { describeCommand } from "../reference/command-tree.ts";
import { renderCompletion, SHELLS, type Shell } from "../reference/completion.ts";

export function addCompletionCommand(program: Command): void {
  program
    .command("completion")
    .description("print a shell's completion script")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action((shell: Shell) => {
      process.stdout.write(renderCompletion(shell, describeCommand(program)));
    });
}
