/**
 * The kubelet's unit as systemd will read it at the next daemon-reload: drop-ins, continued lines and files of variables. Finds
 * where its arguments can be extended by one line.
 */
import { basename } from "node:path";
import type { KubeletFiles, LineChange } from "@ocir-broker/protocol/node-result";
import { type NodeFiles, pathsIn, textOf } from "./node-files.ts";

/** The values of the two flags, each undefined if it is missing. */
export interface KubeletFlags {
  readonly config: string | undefined;
  readonly binDir: string | undefined;
}

export interface KubeletUnit {
  /** The unit's file and its drop-ins, in systemd's order. */
  readonly parts: readonly UnitFile[];
  /** The files of variables that exist. */
  readonly variables: readonly UnitFile[];
}

interface UnitFile {
  readonly path: string;
  readonly text: string;
}

export const CONFIG_FLAG = "--image-credential-provider-config";
export const BIN_DIRECTORY_FLAG = "--image-credential-provider-bin-dir";
const FLAGS = [CONFIG_FLAG, BIN_DIRECTORY_FLAG];

/** The drop-in file that we add to the unit. */
export const OWN_DROP_IN = "/etc/systemd/system/kubelet.service.d/90-ocir-broker.conf";

const VARIABLE = "KUBELET_EXTRA_ARGS";
const UNIT = "kubelet.service";
const SETS_VARIABLE = /^(?:Environment=.*)?\bKUBELET_EXTRA_ARGS=/;

/** A file in an earlier folder replaces one of the same name in a later one (systemd.unit(5)). */
const FOLDERS = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

/** Packages' files of variables, which a kubelet may have its flags from even if no unit is found. */
const PACKAGED_VARIABLES = ["/etc/default/kubelet", "/etc/sysconfig/kubelet"];

export function readKubeletUnit(files: NodeFiles): KubeletUnit {
  const read = (path: string) => readUnitFile(files, path);
  const dropIns = FOLDERS.flatMap((folder) => pathsIn(`${folder}/${UNIT}.d`, files))
    .filter((path) => path.endsWith(".conf"))
    .filter((path, index, all) => all.findIndex((other) => basename(other) === basename(path)) === index)
    .toSorted((a, b) => Buffer.compare(Buffer.from(basename(a)), Buffer.from(basename(b))));
  const parts = [...FOLDERS.flatMap((folder) => read(`${folder}/${UNIT}`)).slice(0, 1), ...dropIns.flatMap(read)];
  return { parts, variables: (parts.length === 0 ? PACKAGED_VARIABLES : variableFiles(parts)).flatMap(read) };
}

function readUnitFile(files: NodeFiles, path: string): UnitFile[] {
  const text = textOf(files.readText(path));
  return text === undefined ? [] : [{ path, text }];
}

/** The flags of the kubelet's next start; a KUBELET_EXTRA_ARGS that another one replaces does not count. */
export function unitFlags(unit: KubeletUnit): KubeletFlags {
  return flagsInText(linesInForce(unit).join("\n"));
}

/** A file that has one of the flags, also if it is replaced. */
export function unitFileWithFlags(files: NodeFiles): string | undefined {
  return allFiles(files).find(({ text }) => FLAGS.some((flag) => valuesIn(withoutComments(text), flag).length > 0))
    ?.path;
}

/** Each value of the flag in the kubelet's unit files; a quoted value may contain blanks. */
export function unitValues(files: NodeFiles, flag: string): string[] {
  return [...new Set(allFiles(files).flatMap(({ text }) => valuesIn(withoutComments(text), flag)))];
}

/** Those of the two that are not present. */
export function flagsToAdd(present: KubeletFlags, { config, binDir }: KubeletFiles): string {
  const missing = [
    ...(present.config === undefined ? [flagFor(CONFIG_FLAG, config)] : []),
    ...(present.binDir === undefined ? [flagFor(BIN_DIRECTORY_FLAG, binDir)] : []),
  ];
  return missing.join(" ");
}

/** systemd, like a shell, removes the quotes around a word with blanks. */
function flagFor(flag: string, path: string): string {
  const word = `${flag}=${path}`;
  return /[ \t]/.test(word) ? `'${word}'` : word;
}

/** The line that adds the missing flags to the kubelet's arguments; undefined if a person must decide. */
export function lineWithFlags(unit: KubeletUnit, paths: KubeletFiles): LineChange | undefined {
  const starts = settingsOf(unit.parts).filter(({ text }) => /^ExecStart=.*KUBELET_EXTRA_ARGS/.test(text));
  // systemd gives other characters a meaning, and braces make one argument. Without a unit, a file of variables may have no effect.
  const isOneArgument = starts.some(({ text }) => text.includes(`{${VARIABLE}}`));
  if (unit.parts.length === 0 || isOneArgument || !/^[\w./@+, -]+$/.test(paths.config + paths.binDir)) return undefined;
  const flags = flagsToAdd(unitFlags(unit), paths);
  const place = placeOfVariable(unit);
  if (place !== undefined) return extendedLine(place, textIn(unit, place), flags);
  const later = unit.parts.slice(1).filter(({ path }) => basename(path) > basename(OWN_DROP_IN));
  const isReset = later.some(({ text }) => logicalLines(text).includes("Environment="));
  return starts.length > 0 && !isReset ? { file: OWN_DROP_IN, line: `Environment="${VARIABLE}=${flags}"` } : undefined;
}

export function changedText(unit: KubeletUnit, { file, at, line }: LineChange): string {
  if (at === undefined) return `[Service]\n${line}\n`;
  return textIn(unit, file)
    .split("\n")
    .with(at - 1, line)
    .join("\n");
}

export function flagsInText(text: string): KubeletFlags {
  return { config: valuesIn(text, CONFIG_FLAG).at(-1), binDir: valuesIn(text, BIN_DIRECTORY_FLAG).at(-1) };
}

/** @param kept the flags that the text had before ours. */
export function withoutFlags(text: string, kept: KubeletFlags): string {
  const ours = [
    ...(kept.config === undefined ? [CONFIG_FLAG] : []),
    ...(kept.binDir === undefined ? [BIN_DIRECTORY_FLAG] : []),
  ];
  return ours.reduce(
    (left, flag) => left.replaceAll(new RegExp(`(?:'${flag}=[^']*'|${flag}=[^\\s"'\\\\]+) ?`, "g"), ""),
    text,
  );
}

function textIn({ parts, variables }: KubeletUnit, path: string): string {
  return [...parts, ...variables].find((file) => file.path === path)?.text ?? "";
}

function allFiles(files: NodeFiles): UnitFile[] {
  const { parts, variables } = readKubeletUnit(files);
  return [...parts, ...variables, ...PACKAGED_VARIABLES.flatMap((path) => readUnitFile(files, path))];
}

export function normalized(text: string): string {
  return text.replaceAll("_", "-");
}

function withoutComments(text: string): string {
  return text.replace(/^[ \t]*[#;].*$/gm, "");
}

/** A value ends at a blank or a quote; in a flag that is quoted as a whole, it may contain blanks. */
function valuesIn(text: string, flag: string): string[] {
  const name = flag.replaceAll(/(?<=\w)-/g, "[-_]");
  const pattern = new RegExp(`(['"])${name}[= ]((?:(?! --|\\1).)+)\\1|${name}(?:=|[\\s"'\\\\]+)([^\\s"'\\\\]+)`, "g");
  return [...text.matchAll(pattern)].flatMap(([, , quoted, plain]) => quoted ?? plain ?? []);
}

/** A second KUBELET_EXTRA_ARGS replaces the first, and a file of variables takes precedence over the unit. */
function placeOfVariable({ parts, variables }: KubeletUnit): string | undefined {
  const isSet = ({ text }: UnitFile) => /^Environment=.*KUBELET_EXTRA_ARGS=/.test(text);
  const inVariables = variables.findLast(({ text }) => /^[ \t]*KUBELET_EXTRA_ARGS[ \t]*=/m.test(text));
  return (inVariables ?? settingsOf(parts).findLast(isSet))?.path;
}

/** Logical lines without comments, and of those that set KUBELET_EXTRA_ARGS only the one that counts. */
function linesInForce(unit: KubeletUnit): string[] {
  const place = placeOfVariable(unit);
  const lines = [...settingsOf(unit.parts), ...settingsOf(unit.variables)];
  const last = lines.findLast(({ path, text }) => path === place && SETS_VARIABLE.test(text));
  return lines.filter((line) => line === last || !SETS_VARIABLE.test(line.text)).map(({ text }) => text);
}

/** The logical lines without comments, and without those that a later empty setting of the same name resets. */
function settingsOf(files: readonly UnitFile[]): UnitFile[] {
  const all = files.flatMap(({ path, text }) => logicalLines(text).map((line) => ({ path, text: line })));
  const isReset = (line: string, at: number) =>
    all.slice(at).some(({ text }) => /^\w+=$/.test(text) && line.startsWith(text));
  return all.filter(({ text }, at) => !isComment(text) && !isReset(text, at));
}

function variableFiles(parts: readonly UnitFile[]): string[] {
  return settingsOf(parts).flatMap(({ text }) => /^EnvironmentFile=-?(\/.*)$/.exec(text)?.[1]?.trim() ?? []);
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
  return [...lines, begun].map(withoutBlanks);
}

/** systemd ignores blanks before a setting, and around its equals sign. */
function withoutBlanks(line: string): string {
  return line.replace(/^\s*(\w+)\s*=\s*/, "$1=");
}

function isComment(line: string): boolean {
  return /^\s*[#;]/.test(line);
}

/** Extends the last line that sets the variable. Our drop-in file, which a later one replaces, can only have a unit's whole setting. */
function extendedLine(place: string, text: string, flags: string): LineChange | undefined {
  const lines = text.split("\n");
  const at = lines.findLastIndex((line) => /KUBELET_EXTRA_ARGS\s*=/.test(line) && !isComment(line));
  const isContinued = lines.findLast((line, before) => before < at && !isComment(line))?.endsWith("\\") === true;
  const line = extended(withoutBlanks(lines[at] ?? ""), flags, isContinued);
  if (line === undefined) return undefined;
  if (place.startsWith("/etc/")) return { file: place, at: at + 1, line };
  const isLater = !place.endsWith(UNIT) && basename(place) > basename(OWN_DROP_IN);
  return line.startsWith("Environment=") && !line.endsWith("\\") && !isLater ? { file: OWN_DROP_IN, line } : undefined;
}

/**
 * Adds the flags to a line that sets the variable, before the others, because the value may continue on the next line. Undefined if the
 * line has an unknown form.
 */
function extended(line: string, flags: string, isContinued: boolean): string | undefined {
  // A flag with blanks is in single quotes itself.
  const quotes = flags.includes("'") ? '"' : `"'`;
  const forms: readonly [pattern: RegExp, replacement: string][] = [
    [new RegExp(`[${quotes}]${VARIABLE}=`), `$&${flags} `],
    [new RegExp(`^(?:Environment=)?${VARIABLE}=[${quotes}]`), `$&${flags} `],
    [new RegExp(`^Environment=${VARIABLE}=([^\\s"'\\\\]*)([ \\t\\\\].*)?$`), `Environment="${VARIABLE}=${flags} $1"$2`],
    [new RegExp(`^${VARIABLE}=([^"'\\\\]*)$`), `${VARIABLE}="${flags} $1"`],
  ];
  // A later line of a setting can set other variables too.
  const form = (isContinued ? forms.slice(0, 1) : forms).find(([pattern]) => pattern.test(line));
  return form && line.replace(...form);
}
