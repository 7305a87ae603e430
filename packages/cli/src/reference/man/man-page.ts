/** Man pages in man(7)'s macros, generated from the command tree: the text of --help and the sections around it. Pure. */
import type { ConfigKey } from "@ocir-broker/credentials/config/keys";
import { allCommands, type CommandNode } from "../command-tree.ts";
import { renderConfigPage } from "./config-man-page.ts";
import { CONFIG_PAGE, DEFAULT_EXIT_STATUS, EXAMPLES, EXIT_STATUS, FILES, MORE_SECTIONS } from "./man-text.ts";
import { item, roff, section, sentence } from "./roff.ts";

export interface ManPage {
  /** `ocir-broker-doctor.1` */
  readonly fileName: string;
  readonly text: string;
}

/** Makes one page for the program, one for each command including its subcommands, and one for the configuration file. */
export function renderManPages(program: CommandNode, keys: readonly ConfigKey[]): ManPage[] {
  const commands = [program, ...program.commands].map((command) => ({
    fileName: `${command.path.join("-")}.1`,
    text: renderPage(command, program),
  }));
  return [...commands, { fileName: `${CONFIG_PAGE.name}.${CONFIG_PAGE.section}`, text: renderConfigPage(keys) }];
}

function renderPage(command: CommandNode, program: CommandNode): string {
  const name = nameOf(command);
  const isProgram = command === program;
  const path = command.path.join(" ");
  const others = [program, ...program.commands].filter((other) => other !== command).map((other) => nameOf(other));
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
    ...(MORE_SECTIONS[path] ?? []).flatMap(([title, items]) => section(title, items)),
    ".SH EXIT STATUS",
    roff(EXIT_STATUS[path] ?? DEFAULT_EXIT_STATUS),
    ...section("EXAMPLES", EXAMPLES[path] ?? []),
    ...section("FILES", FILES),
    ".SH SEE ALSO",
    [...others.map((other) => `.BR ${roff(other)} (1)`), `.BR ${roff(CONFIG_PAGE.name)} (${CONFIG_PAGE.section})`].join(
      " ,\n",
    ),
    "",
  ].join("\n");
}

function nameOf({ path }: CommandNode): string {
  return path.join("-");
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
