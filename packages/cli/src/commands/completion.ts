/**
 * `ocir-broker completion bash|zsh|fish`: prints a script, which at each TAB runs the hidden command `complete`, which prints
 * {@link completionsFor}.
 */
import { Argument, type Command } from "commander";
import { flagsOf } from "../strict-command.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# ocir-broker completion bash > /etc/bash_completion.d/ocir-broker
_ocir_broker() {
  local words
  words="$(ocir-broker complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1)"
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _ocir_broker ocir-broker
`,
  zsh: `#compdef ocir-broker
# ocir-broker completion zsh > /usr/share/zsh/site-functions/_ocir-broker
_ocir_broker() {
  local -a known
  known=("\${(@f)$(ocir-broker complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [ -z "$known" ]; then _files; return; fi
  known=("\${(@)known//:/\\\\:}")
  known=("\${(@)known/$'\\t'/:}")
  _describe 'ocir-broker' known
}
if [ "$funcstack[1]" = "_ocir-broker" ]; then _ocir_broker "$@"; else compdef _ocir_broker ocir-broker; fi
`,
  fish: `# ocir-broker completion fish > /etc/fish/completions/ocir-broker.fish
function __ocir_broker
  set -l known (ocir-broker complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)
  if set -q known[1]
    printf '%s\\n' $known
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c ocir-broker -f -a '(__ocir_broker)'
`,
};

export function addCompletionCommand(program: Command): void {
  program
    .command("completion")
    .description("print a shell's completion script")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action((shell: Shell) => {
      process.stdout.write(COMPLETION_SCRIPTS[shell]);
    });
  program
    .command("complete", { hidden: true })
    .argument("[words...]")
    .action((words: string[]) => {
      process.stdout.write(
        completionsFor(program, words)
          .map((line) => `${line}\n`)
          .join(""),
      );
    });
}

/** @returns a line for each word that may stand at the end of `words`: the word, a tab, its description. Empty for a file. */
export function completionsFor(program: Command, words: readonly string[]): string[] {
  let command = program;
  for (const word of words.slice(0, -1)) command = command.commands.find((each) => each.name() === word) ?? command;
  const help = command.createHelp();
  const options = help.visibleOptions(command);
  const withValue = options.find((option) => option.required && flagsOf(option).includes(words.at(-2) ?? ""));
  if (withValue !== undefined) return withValue.argChoices ?? [];
  return [
    ...help.visibleCommands(command).map((each) => `${each.name()}\t${help.subcommandDescription(each)}`),
    ...command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
    ...options.flatMap((option) => flagsOf(option).map((name) => `${name}\t${option.description}`)),
  ];
}
