/** Completion scripts for bash, zsh and fish, generated from the command tree, so no command is missing. Pure. */
import { allCommands, type CommandNode, type OptionNode } from "./command-tree.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export function renderCompletion(shell: Shell, program: CommandNode): string {
  return { bash, zsh, fish }[shell](program);
}

function bash(program: CommandNode): string {
  const valued = optionsWithValue(program).map(({ at, isFile, choices }) => {
    const words = isFile ? "-f" : `-W ${quote(choices)}`;
    return `    ${quote(at)}) mapfile -t COMPREPLY < <(compgen ${words} -- "$current"); return ;;`;
  });
  const words = allCommands(program).map((command) => {
    const known = wordsOf(command).map(([word]) => word);
    return `    ${quote(pathOf(command))}) words=${quote(known.join(" "))} ;;`;
  });
  return [
    "# ocir-broker completion bash > /etc/bash_completion.d/ocir-broker",
    "_ocir_broker() {",
    `  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" at="ocir-broker" word words=""`,
    `  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    '    case "$at $word" in',
    ...subcommandPaths(program).map((path) => `      ${quote(path)}) at=${quote(path)} ;;`),
    "    esac",
    "  done",
    '  case "$at $previous" in',
    ...valued,
    "  esac",
    '  case "$at" in',
    ...words,
    "  esac",
    '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")',
    "}",
    "complete -F _ocir_broker ocir-broker",
    "",
  ].join("\n");
}

function zsh(program: CommandNode): string {
  const valued = optionsWithValue(program).map(({ at, isFile, choices }) => {
    const action = isFile ? "_files" : `compadd -- ${choices}`;
    return `    (${quote(at)}) ${action}; return ;;`;
  });
  const known = allCommands(program).map((command) => {
    const words = wordsOf(command).map(([word, text]) => quote(`${word}:${text.replaceAll(":", "\\:")}`));
    return `    (${quote(pathOf(command))}) known=(${words.join(" ")}) ;;`;
  });
  return [
    "#compdef ocir-broker",
    "# ocir-broker completion zsh > /usr/share/zsh/site-functions/_ocir-broker",
    "_ocir_broker() {",
    "  local at='ocir-broker' word",
    "  local -a known",
    `  for word in "\${(@)words[2,CURRENT-1]}"; do`,
    '    case "$at $word" in',
    ...subcommandPaths(program).map((path) => `      (${quote(path)}) at=${quote(path)} ;;`),
    "    esac",
    "  done",
    `  case "$at \${words[CURRENT-1]}" in`,
    ...valued,
    "  esac",
    '  case "$at" in',
    ...known,
    "  esac",
    "  _describe 'ocir-broker' known",
    "}",
    'if [ "$funcstack[1]" = "_ocir-broker" ]; then _ocir_broker "$@"; else compdef _ocir_broker ocir-broker; fi',
    "",
  ].join("\n");
}

function fish(program: CommandNode): string {
  const lines = allCommands(program).flatMap((command) => {
    const here = `complete -c ocir-broker -n ${fishQuote(`test (__ocir_broker_at) = ${fishQuote(pathOf(command))}`)}`;
    const plain = wordsOf(command).filter(([word]) => !word.startsWith("-"));
    return [
      ...plain.map(([word, text]) => `${here} -a ${fishQuote(word)} -d ${fishQuote(text)}`),
      ...command.options.map((option) => `${here} ${fishOption(option)} -d ${fishQuote(option.description)}`),
    ];
  });
  return [
    "# ocir-broker completion fish > /etc/fish/completions/ocir-broker.fish",
    "function __ocir_broker_at",
    "  set -l at ocir-broker",
    "  for word in (commandline -opc)[2..-1]",
    '    switch "$at $word"',
    `      case ${subcommandPaths(program).map(fishQuote).join(" ")}`,
    '        set at "$at $word"',
    "    end",
    "  end",
    "  echo $at",
    "end",
    "complete -c ocir-broker -f",
    ...lines,
    "",
  ].join("\n");
}

function fishOption({ names, value }: OptionNode): string {
  const flags = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(" ");
  if (value === undefined) return flags;
  return value.isFile ? `${flags} -r -F` : `${flags} -x -a ${fishQuote(value.choices.join(" "))}`;
}

/** Subcommands, choices of arguments and options, each with its description. */
function wordsOf({ commands, arguments: given, options }: CommandNode): [word: string, text: string][] {
  return [
    ...commands.map(({ path, description }): [string, string] => [String(path.at(-1)), description]),
    ...given.flatMap(({ choices, description }) => choices.map((choice): [string, string] => [choice, description])),
    ...options.flatMap(({ names, description }) => names.map((name): [string, string] => [name, description])),
  ];
}

/** Each name of an option with a value, after its command, as in `ocir-broker get --output`. */
function optionsWithValue(program: CommandNode): { at: string; isFile: boolean; choices: string }[] {
  return allCommands(program).flatMap((command) =>
    command.options.flatMap(({ names, value }) => {
      if (value === undefined) return [];
      const { isFile, choices } = value;
      return names.map((name) => ({ at: `${pathOf(command)} ${name}`, isFile, choices: choices.join(" ") }));
    }),
  );
}

function subcommandPaths(program: CommandNode): string[] {
  return allCommands(program).slice(1).map(pathOf);
}

function pathOf({ path }: CommandNode): string {
  return path.join(" ");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fishQuote(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
