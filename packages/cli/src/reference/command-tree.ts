/** The command line as plain values, read from commander's tree: the source of completions and man pages. */
import type { Command, Option } from "commander";

export interface OptionNode {
  /** `--config`, and `-V` if there is a short form. */
  readonly names: readonly string[];
  /** As printed in the help: `--config <file>`. */
  readonly flags: string;
  readonly description: string;
  /** Absent if the option takes no value. */
  readonly value?: ValueNode;
}

interface ValueNode {
  readonly choices: readonly string[];
  readonly isFile: boolean;
}

interface ArgumentNode {
  /** As printed in the help: `[image]`. */
  readonly term: string;
  readonly description: string;
  readonly choices: readonly string[];
}

export interface CommandNode {
  /** Starts with the program: `["ocir-broker", "config", "check"]`. */
  readonly path: readonly string[];
  readonly description: string;
  readonly usage: string;
  readonly options: readonly OptionNode[];
  readonly arguments: readonly ArgumentNode[];
  readonly commands: readonly CommandNode[];
}

export function describeCommand(command: Command, above: readonly string[] = []): CommandNode {
  const help = command.createHelp();
  const path = [...above, command.name()];
  return {
    path,
    description: help.commandDescription(command),
    usage: [...path, command.usage()].join(" "),
    options: help.visibleOptions(command).map(describeOption),
    arguments: command.registeredArguments.map((argument) => ({
      term: argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
      description: argument.description,
      choices: argument.argChoices ?? [],
    })),
    commands: command.commands.map((inner) => describeCommand(inner, path)),
  };
}

/** Lists the command and all commands below it, outermost first. */
export function allCommands(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(allCommands)];
}

function describeOption(option: Option): OptionNode {
  const names = [option.long, option.short].filter((name) => name !== undefined && name !== null);
  const choices = option.argChoices ?? [];
  const isDefaultShown = option.defaultValue !== undefined;
  return {
    names,
    flags: option.flags,
    description: [
      option.description,
      ...(choices.length > 0
        ? [`(${choices.join(", ")}${isDefaultShown ? `; default: ${option.defaultValue}` : ""})`]
        : []),
    ].join(" "),
    ...(option.required || option.optional ? { value: { choices, isFile: option.flags.includes("<file>") } } : {}),
  };
}
