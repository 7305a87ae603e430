/**
 * The documentation pages and every command in them: `sh` and `console` blocks, and command lines between backticks. Each
 * command has a stage on which a test runs it, or stands in needs.ts. Man pages are generated from the commands.
 */
import { globSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { isExecutable } from "../system/systemd-root/can-boot-systemd.ts";
import { isUnrun, UNRUN_PROGRAMS } from "./needs.ts";

export const CHECKOUT = join(import.meta.dirname, "../..");

export const PAGES: readonly string[] = globSync(["*.md", "{docs,cloud-init,deploy,monitoring}/**/*.md"], {
  cwd: CHECKOUT,
}).sort();

/**
 * checkout: a copy of this one; clients: a registry and its clients; node: a worker node under a real systemd; image: the
 * DaemonSet's image, a registry and two container runtimes; first boot: a worker node before the cloud-init script; release: the
 * folder of a signed release.
 */
export type Stage = "checkout" | "clients" | "node" | "image" | "first boot" | "release";

export interface DocumentedCommand {
  /** `page:line` */
  readonly place: string;
  /** One command line, or the lines of a block to run; empty if none is run. */
  readonly text: string;
  readonly stage: Stage | undefined;
  /** Commands that no test runs. */
  readonly unrun: readonly string[];
}

const ON_CHECKOUT = ["cat", "node", "npm", "promtool", "sed", "tar", "turbo"];
const ON_NODE = [
  ...["credential-provider-oke", "curl", "df", "journalctl", "ls", "ocir-broker", "pgrep", "ps", "sha256sum", "ss"],
  ...["strace", "systemctl", "systemd-analyze", "systemd-tmpfiles", "timedatectl"],
];
const STAGE_OF_PROGRAM: ReadonlyMap<string, Stage> = new Map([
  ...ON_CHECKOUT.map((name) => [name, "checkout"] as const),
  ...ON_NODE.map((name) => [name, "node"] as const),
]);
/** All blocks of such a page are one session. */
const STAGE_OF_PAGE: ReadonlyMap<string, Stage> = new Map([
  ["docs/docker-credential-helper.md", "clients"],
  ["cloud-init/daemonset/README.md", "image"],
  ["docs/verify.md", "release"],
]);

/** PromQL functions that are also programs. */
const NO_PROGRAM = new Set(["sum"]);

/** Prose may omit the program's name: `config print`. Node.js has the name of one of our commands. */
const OUR_COMMAND =
  /^(?:(?:config|doctor|get|kubelet-config|serve|status|version) |node (?:connect|disconnect|install|remove|status)\b)/;

/** The guides' command that creates a node's user data. */
const USER_DATA = "cat >user-data.sh ";

/** Commands without an argument; any other command line has one. */
const WITHOUT_ARGUMENT = new Set(["timedatectl"]);

const FENCE = /^( *)```(\w*)\n([\s\S]*?)^ *```$/gm;
const SPAN = /`([^`]+)`/g;

export function readPage(page: string): string {
  return readFileSync(join(CHECKOUT, page), "utf8");
}

export function documentedCommands(page: string): DocumentedCommand[] {
  const text = readPage(page);
  const blocks = [...text.matchAll(FENCE)].flatMap((fence) => commandsOfBlock(page, text, fence));
  const prose = text.replace(FENCE, (fence) => fence.replace(/[^\n]/g, " "));
  return [...blocks, ...[...prose.matchAll(SPAN)].flatMap((span) => commandsOfSpan(page, prose, span))];
}

export function commandsOn(stage: Stage): DocumentedCommand[] {
  return PAGES.flatMap((page) => documentedCommands(page)).filter((each) => each.stage === stage);
}

/** The program that a line starts, after variables; undefined if there is none. */
export function programOf(line: string): string | undefined {
  return /^ *(?:[A-Z_]+=\S* +)*([a-z./][\w./-]*)(?= |$)/.exec(line)?.[1];
}

/** Whether a stage can run the command that starts on this line. */
export function isRunnable(line: string): boolean {
  return STAGE_OF_PROGRAM.has(programOf(line) ?? "");
}

/** Blocks in other languages must not contain commands. */
function commandsOfBlock(page: string, text: string, fence: RegExpExecArray): DocumentedCommand[] {
  const [, indent = "", language = "", body = ""] = fence;
  const lines = body.split("\n").map((line) => line.slice(indent.length));
  const place = `${page}:${lineAt(text, fence.index)}`;
  if (language !== "sh" && language !== "console") {
    const hidden = language === "" && lines.find(isRunnable);
    return hidden ? [{ place, text: `not tagged as sh: ${hidden}`, stage: undefined, unrun: [] }] : [];
  }
  const commands = body.startsWith(USER_DATA) ? [lines.join("\n")] : commandsIn(lines);
  const run = commands.filter((command) => !isUnrun(command)).flatMap((command) => command.split("\n"));
  const stages = run.flatMap((line) => STAGE_OF_PROGRAM.get(programOf(line) ?? "") ?? []);
  const byProgram = stages.includes("node") ? "node" : stages[0];
  const stage = body.startsWith(USER_DATA) ? "first boot" : (STAGE_OF_PAGE.get(page) ?? byProgram);
  const isRun = run.some((line) => line !== "");
  const unrun = commands.filter(isUnrun);
  return [{ place, text: isRun ? run.join("\n") : "", stage: isRun ? stage : undefined, unrun }];
}

/** A command goes on in the next line after a backslash or a pipe. */
function commandsIn(lines: readonly string[]): string[] {
  return lines
    .join("\n")
    .split(/(?<![\\|])\n/)
    .filter((command) => command !== "");
}

function commandsOfSpan(page: string, prose: string, span: RegExpExecArray): DocumentedCommand[] {
  const written = (span[1] ?? "").replaceAll("\\|", "|").replace(/\s+/g, " ").trim();
  const text = OUR_COMMAND.test(written) ? `ocir-broker ${written}` : written;
  const program = programOf(text);
  if (program === undefined || !isProgram(program) || !(text.includes(" ") || WITHOUT_ARGUMENT.has(text))) return [];
  const place = `${page}:${lineAt(prose, span.index)}`;
  if (isUnrun(text)) return [{ place, text: "", stage: undefined, unrun: [text] }];
  return [{ place, text, stage: STAGE_OF_PROGRAM.get(program), unrun: [] }];
}

function isProgram(name: string): boolean {
  if (NO_PROGRAM.has(name)) return false;
  if (STAGE_OF_PROGRAM.has(name) || UNRUN_PROGRAMS.has(name)) return true;
  return (
    !name.includes("/") &&
    (process.env["PATH"] ?? "").split(delimiter).some((folder) => isExecutable(join(folder, name)))
  );
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
