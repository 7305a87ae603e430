/** A command that takes no option for another option's value, which Commander does. */
import { Command, type Option, type ParseOptionsResult } from "commander";

export class StrictCommand extends Command {
  override createCommand(name?: string): StrictCommand {
    return new StrictCommand(name);
  }

  /**
   * Refuses a value that begins with `--` or is one of this command's options, unless it is given with `=`. Otherwise somebody who
   * forgets the audience in `node connect --service-accounts AUDIENCE --dry-run` would change the node, with the audience `--dry-run`.
   */
  override parseOptions(words: string[]): ParseOptionsResult {
    const known = this.createHelp().visibleOptions(this).flatMap(flagsOf);
    for (const [index, word] of words.entries()) {
      if (word === "--") break;
      const option = this.options.find((each) => each.required && flagsOf(each).includes(word));
      const value = words[index + 1];
      if (option === undefined || value === undefined) continue;
      if (value.startsWith("--") || known.includes(value))
        this.error(`error: option '${option.flags}' has no value: ${value} is an option (or write ${word}=VALUE)`);
    }
    return super.parseOptions(words);
  }
}

/** `--help` and `-h`. */
export function flagsOf({ long, short }: Option): string[] {
  return [long, short].filter((flag) => typeof flag === "string");
}
