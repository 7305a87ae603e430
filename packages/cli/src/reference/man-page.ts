/** `npm run package` runs this for the man page: the help of each command, in man(7)'s macros, on stdout. */
import type { Command } from "commander";
import { createProgram } from "../program.ts";

const EXIT_STATUS = `0 if the command succeeded, also status on a node that is switched off. 1 if it failed, also if status found
that a fetch fails which a pull needs, or if doctor found a problem. 2 if the command line is wrong, or if doctor found no
problem but could not make a check. 75 from node: ocir\\-broker is not installed, or only in part.`;

const program = createProgram();
process.stdout.write(`.TH OCIR\\-BROKER 1 "" "" "ocir\\-broker"
.SH NAME
ocir\\-broker \\- ${roff(program.description())}
${sectionsOf(program).join("\n")}
.SH EXIT STATUS
${EXIT_STATUS}
`);

function sectionsOf(command: Command, above = ""): string[] {
  const path = `${above}${command.name()}`;
  const help = command.configureHelp({ helpWidth: 72 }).helpInformation().trimEnd();
  const subcommands = command.createHelp().visibleCommands(command);
  const inner = subcommands.filter((each) => each.name() !== "help").flatMap((each) => sectionsOf(each, `${path} `));
  return [`.SH ${roff(path).toUpperCase()}\n.nf\n${roff(help)}\n.fi`, ...inner];
}

/** Escapes what roff would read as a macro, an escape or a typographic hyphen. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(?=[.'])/gm, "\\&");
}
