/**
 * The kubelet's unit as systemd reads it: drop-ins, continued lines and files of variables. Finds where its arguments can be
 * extended by one line.
 */
import type { KubeletFiles, LineChange } from "@ocir-broker/protocol/node-result";
import { BIN_DIRECTORY_FLAG, CONFIG_FLAG } from "./kubelet.ts";
import { type NodeFiles, textOf } from "./node-files.ts";
import type { RunProgram } from "./program-run.ts";

export interface KubeletUnit {
  /** The output of `systemctl cat kubelet.service`: each file after a line with its path. Empty if there is no unit. */
  readonly text: string;
  /** The texts of the unit's files by path, the files of variables included. */
  readonly files: ReadonlyMap<string, string>;
}

/** The drop-in file that we add to the unit. */
export const OWN_DROP_IN = "/etc/systemd/system/kubelet.service.d/90-ocir-broker.conf";

const VARIABLE = "KUBELET_EXTRA_ARGS";
const FILE_HEADER = /^# (\/\S+)$/;

export async function readKubeletUnit(files: NodeFiles, runProgram: RunProgram): Promise<KubeletUnit> {
  const result = await runProgram({ path: "systemctl", args: ["cat", "kubelet.service"] });
  const text = "stdout" in result && result.exitCode === 0 ? result.stdout : "";
  const headers = text.split("\n").flatMap((line) => FILE_HEADER.exec(line)?.[1] ?? []);
  const texts = [...headers, ...variableFiles(text)].flatMap((path): [string, string][] => {
    const content = textOf(files.readText(path));
    return content === undefined ? [] : [[path, content]];
  });
  return { text, files: new Map(texts) };
}

/** Whether the unit or one of its files of variables sets the kubelet's configuration of credential providers. */
export function setsFlags({ text, files }: KubeletUnit): boolean {
  const variables = variableFiles(text).flatMap((path) => files.get(path)?.split("\n") ?? []);
  return [...logicalLines(text), ...variables]
    .filter((line) => !isComment(line))
    .some((line) => line.replaceAll("_", "-").includes(CONFIG_FLAG));
}

/** The two flags as one value of KUBELET_EXTRA_ARGS. */
export function flagsFor({ config, binDir }: KubeletFiles): string {
  return `${flagFor(CONFIG_FLAG, config)} ${flagFor(BIN_DIRECTORY_FLAG, binDir)}`;
}

/** systemd, like a shell, removes the quotes around a word with blanks. */
export function flagFor(flag: string, path: string): string {
  const word = `${flag}=${path}`;
  return /[ \t]/.test(word) ? `'${word}'` : word;
}

/** The line that adds the flags to the kubelet's arguments; undefined if a person must decide. */
export function lineWithFlags(unit: KubeletUnit, paths: KubeletFiles): LineChange | undefined {
  // systemd gives other characters a meaning.
  if (!/^[\w./@+, -]+$/.test(paths.config + paths.binDir)) return undefined;
  const flags = flagsFor(paths);
  const place = placeOfVariable(unit);
  if (place !== undefined) return extendedLine(place, unit.files.get(place) ?? "", flags);
  const isUsed = logicalLines(unit.text).some((line) => /^ExecStart=.*KUBELET_EXTRA_ARGS/.test(line));
  return isUsed ? { file: OWN_DROP_IN, line: `Environment="${VARIABLE}=${flags}"` } : undefined;
}

/** The file's text with the change. @param text undefined: there is no such file. */
export function changedText({ at, line }: LineChange, text: string | undefined): string {
  if (at === undefined || text === undefined) return `[Service]\n${line}\n`;
  return text
    .split("\n")
    .with(at - 1, line)
    .join("\n");
}

/** A second KUBELET_EXTRA_ARGS replaces the first, and a file of variables takes precedence over the unit. */
function placeOfVariable({ text, files }: KubeletUnit): string | undefined {
  let file: string | undefined;
  let place: string | undefined;
  for (const line of logicalLines(text)) {
    file = FILE_HEADER.exec(line)?.[1] ?? file;
    if (/^Environment=.*KUBELET_EXTRA_ARGS=/.test(line)) place = file;
  }
  return variableFiles(text).findLast((path) => /^KUBELET_EXTRA_ARGS=/m.test(files.get(path) ?? "")) ?? place;
}

function variableFiles(text: string): string[] {
  return logicalLines(text).flatMap((line) => /^EnvironmentFile=-?(\/.*)$/.exec(line)?.[1]?.trim() ?? []);
}

/** Joins continued lines as systemd does: it drops the comments between them, and a comment's backslash continues nothing. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let begun = "";
  for (const line of text.split("\n")) {
    if (isComment(line)) {
      if (begun === "") lines.push(line);
    } else if (line.endsWith("\\")) {
      begun += `${line.slice(0, -1)} `;
    } else {
      lines.push(begun + line);
      begun = "";
    }
  }
  return begun === "" ? lines : [...lines, begun];
}

function isComment(line: string): boolean {
  return /^\s*[#;]/.test(line);
}

/** Extends the last line that sets the variable. Our drop-in file can only contain a whole setting of a unit. */
function extendedLine(place: string, text: string, flags: string): LineChange | undefined {
  const lines = text.split("\n");
  const at = lines.findLastIndex((line) => line.includes(`${VARIABLE}=`) && !isComment(line));
  const line = extended(lines[at] ?? "", flags);
  if (line === undefined) return undefined;
  if (place.startsWith("/etc/")) return { file: place, at: at + 1, line };
  return line.startsWith("Environment=") && !line.endsWith("\\") ? { file: OWN_DROP_IN, line } : undefined;
}

/**
 * Adds the flags to a line that sets the variable, before the others, because the value may continue on the next line. Undefined if the
 * line has an unknown form.
 */
function extended(line: string, flags: string): string | undefined {
  // A flag with blanks is in single quotes itself.
  const quotes = flags.includes("'") ? '"' : `"'`;
  const forms: readonly [pattern: RegExp, replacement: string][] = [
    [new RegExp(`[${quotes}]${VARIABLE}=`), `$&${flags} `],
    [new RegExp(`^(?:Environment=)?${VARIABLE}=[${quotes}]`), `$&${flags} `],
    [new RegExp(`^Environment=${VARIABLE}=([^\\s"'\\\\]*)([ \\t\\\\].*)?$`), `Environment="${VARIABLE}=${flags} $1"$2`],
    [new RegExp(`^${VARIABLE}=([^"'\\\\]*)$`), `${VARIABLE}="${flags} $1"`],
  ];
  const form = forms.find(([pattern]) => pattern.test(line));
  return form && line.replace(...form);
}
