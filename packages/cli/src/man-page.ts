/** Man pages in man(7)'s macros, made of the command tree: what --help says, with what belongs around it. Pure. */
import { allCommands, type CommandNode } from "./command-tree.ts";

export interface ManPage {
  /** `ocir-broker-doctor.1` */
  readonly fileName: string;
  readonly text: string;
}

const FILES: readonly (readonly [path: string, meaning: string])[] = [
  ["/etc/ocir-broker/config.yaml", "The configuration; it may be absent, since every key has a default."],
  ["/run/ocir-broker/credentials.sock", "Where the kubelet's plugin asks for credentials; for root alone."],
  ["/run/ocir-broker/health.sock", "Where anyone on the node asks how the daemon is; never a secret."],
];

const EXIT_STATUS: Readonly<Record<string, string>> = {
  "ocir-broker doctor":
    "0: no problem. 1: a problem. 2: no problem was seen, but not all could be looked at, or the command line is wrong.",
};

const DEFAULT_EXIT_STATUS =
  "0: done. 1: not done; one line on standard error says why. 2: the command line is wrong; one line says how.";

/** One page for the program and one for each of its commands, which has its subcommands in it. */
export function renderManPages(program: CommandNode): ManPage[] {
  return [program, ...program.commands].map((command) => ({
    fileName: `${command.path.join("-")}.1`,
    text: renderPage(command, program),
  }));
}

function renderPage(command: CommandNode, program: CommandNode): string {
  const name = command.path.join("-");
  const isProgram = command === program;
  const others = [program, ...program.commands].filter((other) => other !== command).map(({ path }) => path.join("-"));
  return [
    `.TH ${roff(name.toUpperCase())} 1 "" "" "ocir-broker"`,
    ".SH NAME",
    `${roff(name)} \\- ${roff(command.description)}`,
    ".SH SYNOPSIS",
    ...synopsis(isProgram ? program : command),
    ".SH DESCRIPTION",
    `${roff(sentence(command.description))}`,
    ...(isProgram ? commandList(program) : command.commands.flatMap(renderSubcommand)),
    ...section(
      "ARGUMENTS",
      command.arguments.map(({ term, description }) => [term, sentence(description)]),
    ),
    ...section(
      "OPTIONS",
      command.options.map(({ flags, description }) => [flags, sentence(description)]),
    ),
    ".SH EXIT STATUS",
    roff(EXIT_STATUS[command.path.join(" ")] ?? DEFAULT_EXIT_STATUS),
    ...section("FILES", FILES),
    ".SH SEE ALSO",
    others.map((other) => `.BR ${roff(other)} (1)`).join(" ,\n"),
    "",
  ].join("\n");
}

function synopsis(command: CommandNode): string[] {
  const ends = allCommands(command).filter(({ commands }) => commands.length === 0);
  const shown = command.path.length === 1 ? [command] : ends;
  return shown.flatMap(({ usage }, at) => [...(at > 0 ? [".br"] : []), `.B ${roff(usage)}`]);
}

function commandList(program: CommandNode): string[] {
  return section(
    "COMMANDS",
    program.commands.map(({ path, description }) => [path.slice(1).join(" "), sentence(description)]),
  );
}

function renderSubcommand({ path, description, options, arguments: given }: CommandNode): string[] {
  return [
    `.SS ${roff(path.slice(1).join(" "))}`,
    roff(sentence(description)),
    ...given.flatMap(({ term, description: text }) => item(term, sentence(text))),
    ...options.flatMap(({ flags, description: text }) => item(flags, sentence(text))),
  ];
}

function section(title: string, items: readonly (readonly [string, string])[]): string[] {
  return items.length === 0 ? [] : [`.SH ${title}`, ...items.flatMap(([term, text]) => item(term, text))];
}

function item(term: string, text: string): string[] {
  return [".TP", `.B ${roff(term)}`, roff(text)];
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;
}

/** A hyphen that is meant as one, and no line that begins like a macro. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(?=[.'])/, "\\&");
}
