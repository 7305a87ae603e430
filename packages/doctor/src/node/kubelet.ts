/**
 * The node's kubelet, by the process of its unit: the flags it really got, which its unit or cloud-init may not tell, and its
 * version, which decides which rules hold. If it does not run, since it cannot start perhaps, by what its unit says. Runs the
 * kubelet's own program for its version, if that is root's alone; reads files; signals nothing.
 */
import { resolve } from "node:path";
import { type NodeFiles, textOf } from "./node-files.ts";
import { findService } from "./node-service.ts";
import type { RunProgram } from "./program-run.ts";

export interface Kubelet {
  /** Absent: it does not run, and the rest is what its unit says. */
  readonly pid?: number;
  /** Of the process: what it executes, not what it calls itself. */
  readonly program?: string;
  readonly configPath: string | undefined;
  readonly binDirectory: string | undefined;
  /** Kubernetes 1.<minor>; undefined if it does not tell. */
  readonly minor: number | undefined;
  /** Why its program was not run: somebody else can change it. */
  readonly distrusted?: string;
}

export const CONFIG_FLAG = "--image-credential-provider-config";
export const BIN_DIRECTORY_FLAG = "--image-credential-provider-bin-dir";

/** Where a kubelet's flags may be written: its unit, its drop-ins, and the files that the packages' units read. */
const UNIT_FILES = [
  "/etc/systemd/system/kubelet.service",
  "/usr/lib/systemd/system/kubelet.service",
  "/etc/default/kubelet",
  "/etc/sysconfig/kubelet",
];
const DROP_INS = ["/etc/systemd/system/kubelet.service.d", "/usr/lib/systemd/system/kubelet.service.d"];

const PROGRAMS = ["/usr/bin/kubelet", "/usr/local/bin/kubelet"];

const VERSION_LIMIT_MS = 3_000;

export async function detectKubelet(files: NodeFiles, runProgram: RunProgram): Promise<Kubelet | undefined> {
  const process = await findService("kubelet.service", files, runProgram);
  if (process === undefined) return fromUnit(files, runProgram);
  const { pid, args } = process;
  return {
    pid,
    configPath: flagIn(args, CONFIG_FLAG),
    binDirectory: flagIn(args, BIN_DIRECTORY_FLAG),
    ...(await lookAtProgram(pid, files, runProgram)),
  };
}

/** The file of the kubelet's unit that has its flags for credential providers. */
export function unitFileWithFlags(files: NodeFiles): string | undefined {
  return unitFiles(files).find((path) => normalized(unitText(files, path) ?? "").includes(CONFIG_FLAG));
}

/** Each value that a file of the kubelet's unit gives the flag, with blanks too if it is quoted. */
export function unitValues(files: NodeFiles, flag: string): string[] {
  const texts = unitFiles(files).flatMap((path) => unitText(files, path) ?? []);
  return [...new Set(texts.flatMap((text) => valuesIn(text, flag)))];
}

/** Both forms of Go's flags, `--flag=value` and `--flag value`, with underscores too, which the kubelet takes for dashes; the last one counts. */
export function flagIn(args: readonly string[], flag: string): string | undefined {
  const at = args.findLastIndex((arg) => normalized(arg.split("=", 1)[0] ?? "") === flag);
  const given = args[at];
  if (given === undefined) return undefined;
  return (given.includes("=") ? given.slice(flag.length + 1) : args[at + 1]) || undefined;
}

function normalized(text: string): string {
  return text.replaceAll("_", "-");
}

async function lookAtProgram(
  pid: number,
  files: NodeFiles,
  runProgram: RunProgram,
): Promise<Pick<Kubelet, "program" | "minor" | "distrusted">> {
  const program = programOf(pid, files);
  if (program === undefined) return { minor: await minorOfInstalled(files, runProgram) };
  const distrusted = files.distrust(program);
  if (distrusted !== undefined) return { program, minor: undefined, distrusted };
  const minor = (await minorOf(program, files, runProgram)) ?? (await minorOfInstalled(files, runProgram));
  return { program, minor };
}

/** The path of what it executes, if that is the same file for us: a process may have a root of its own. */
function programOf(pid: number, files: NodeFiles): string | undefined {
  const link = files.readLink(`/proc/${pid}/exe`);
  if ("failure" in link) return undefined;
  const path = resolve(`/proc/${pid}`, link.value);
  const [theirs, ours] = [files.stat(`/proc/${pid}/exe`), files.stat(path)];
  if ("failure" in theirs || "failure" in ours) return undefined;
  return theirs.value.dev === ours.value.dev && theirs.value.ino === ours.value.ino ? path : undefined;
}

async function fromUnit(files: NodeFiles, runProgram: RunProgram): Promise<Kubelet | undefined> {
  const unit = unitFileWithFlags(files);
  const text = unit === undefined ? undefined : unitText(files, unit);
  if (text === undefined) return undefined;
  return {
    configPath: valuesIn(text, CONFIG_FLAG).at(-1),
    binDirectory: valuesIn(text, BIN_DIRECTORY_FLAG).at(-1),
    minor: await minorOfInstalled(files, runProgram),
  };
}

function unitFiles(files: NodeFiles): string[] {
  const inDropIns = DROP_INS.flatMap((directory) => {
    const names = files.list(directory);
    return "value" in names ? names.value.map((name) => `${directory}/${name}`) : [];
  });
  return [...UNIT_FILES, ...inDropIns];
}

/** Without its comments. */
function unitText(files: NodeFiles, path: string): string | undefined {
  return textOf(files.readText(path))?.replace(/^\s*[#;].*$/gm, "");
}

/** A value ends at a blank or a quote, except in a flag that is quoted whole, since its value may have blanks. */
function valuesIn(text: string, flag: string): string[] {
  const name = flag.replaceAll(/(?<=\w)-/g, "[-_]");
  const pattern = new RegExp(`(['"])${name}[= ]((?:(?! --|\\1).)+)\\1|${name}(?:=|[\\s"'\\\\]+)([^\\s"'\\\\]+)`, "g");
  return [...text.matchAll(pattern)].flatMap(([, , quoted, plain]) => quoted ?? plain ?? []);
}

async function minorOfInstalled(files: NodeFiles, runProgram: RunProgram): Promise<number | undefined> {
  const program = PROGRAMS.find((path) => files.isExecutable(path) && files.distrust(path) === undefined);
  return program === undefined ? undefined : minorOf(program, files, runProgram);
}

async function minorOf(program: string, files: NodeFiles, runProgram: RunProgram): Promise<number | undefined> {
  const path = files.locate(program);
  const result = await runProgram({ path, args: ["--version"], env: {}, stdin: "", limitMs: VERSION_LIMIT_MS });
  const version = "stdout" in result ? /^Kubernetes v1\.([0-9]{2,3})\./.exec(result.stdout) : null;
  return version === null ? undefined : Number(version[1]);
}
