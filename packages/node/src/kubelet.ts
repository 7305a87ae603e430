/**
 * Detects the node's kubelet. The flags come from its running process, since unit and cloud-init may differ; if it does not
 * run (perhaps because it cannot start), from its unit. The version, which decides the rules, comes from the kubelet's own
 * program if only root can change it.
 */
import { resolve } from "node:path";
import { type NodeFiles, pathsIn, textOf } from "./node-files.ts";
import { findKubelet } from "./node-service.ts";
import type { RunProgram } from "./program-run.ts";

export interface Kubelet {
  /** Absent if it does not run; the other values then come from its unit. */
  readonly pid?: number;
  /** The path of the running executable, which need not be argv[0]. */
  readonly program?: string;
  readonly configPath: string | undefined;
  readonly binDirectory: string | undefined;
  /** Kubernetes 1.<minor>; undefined if unknown. */
  readonly minor: number | undefined;
  /** Why its program was not run: another user can change it. */
  readonly distrusted?: string;
}

export const CONFIG_FLAG = "--image-credential-provider-config";
export const BIN_DIRECTORY_FLAG = "--image-credential-provider-bin-dir";

/** Files that may set the kubelet's flags: its unit, drop-ins, and the environment files of packaged units. */
const UNIT_FILES = [
  "/etc/systemd/system/kubelet.service",
  "/usr/lib/systemd/system/kubelet.service",
  "/etc/default/kubelet",
  "/etc/sysconfig/kubelet",
];
const DROP_INS = ["/etc/systemd/system/kubelet.service.d", "/usr/lib/systemd/system/kubelet.service.d"];

const PROGRAMS = ["/usr/bin/kubelet", "/usr/local/bin/kubelet"];

export async function detectKubelet(files: NodeFiles, runProgram: RunProgram): Promise<Kubelet | undefined> {
  const process = await findKubelet(files, runProgram);
  if (process === undefined) return fromUnit(files, runProgram);
  const { pid, args } = process;
  return {
    pid,
    configPath: flagIn(args, CONFIG_FLAG),
    binDirectory: flagIn(args, BIN_DIRECTORY_FLAG),
    ...(await lookAtProgram(pid, files, runProgram)),
  };
}

/** The file of the kubelet's unit that sets the credential provider flags. */
export function unitFileWithFlags(files: NodeFiles): string | undefined {
  return unitFiles(files).find((path) => normalized(unitText(files, path) ?? "").includes(CONFIG_FLAG));
}

/** Each value of the flag in the kubelet's unit files, and in `more` files; a quoted value may contain blanks. */
export function unitValues(files: NodeFiles, flag: string, more: readonly string[] = []): string[] {
  const texts = [...unitFiles(files), ...more].flatMap((path) => unitText(files, path) ?? []);
  return [...new Set(texts.flatMap((text) => valuesIn(text, flag)))];
}

/** Accepts Go's `--flag=value` and `--flag value`, and underscores for dashes as the kubelet does; the last one counts. */
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

/** The executable's path, if it is the same file in our mount namespace: a process may have another root. */
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
  return [...UNIT_FILES, ...DROP_INS.flatMap((directory) => pathsIn(directory, files))];
}

/** Comments removed. */
function unitText(files: NodeFiles, path: string): string | undefined {
  return textOf(files.readText(path))?.replace(/^\s*[#;].*$/gm, "");
}

/** A value ends at a blank or a quote; in a flag that is quoted as a whole, it may contain blanks. */
function valuesIn(text: string, flag: string): string[] {
  const name = flag.replaceAll(/(?<=\w)-/g, "[-_]");
  const pattern = new RegExp(`(['"])${name}[= ]((?:(?! --|\\1).)+)\\1|${name}(?:=|[\\s"'\\\\]+)([^\\s"'\\\\]+)`, "g");
  return [...text.matchAll(pattern)].flatMap(([, , quoted, plain]) => quoted ?? plain ?? []);
}

/** Of the kubelet's program, which need not run: a node's first boot. */
export async function minorOfInstalled(files: NodeFiles, runProgram: RunProgram): Promise<number | undefined> {
  const program = PROGRAMS.find((path) => files.isExecutable(path) && files.distrust(path) === undefined);
  return program === undefined ? undefined : minorOf(program, files, runProgram);
}

async function minorOf(program: string, files: NodeFiles, runProgram: RunProgram): Promise<number | undefined> {
  const result = await runProgram({ path: files.locate(program), args: ["--version"] });
  const version = "stdout" in result ? /^Kubernetes v1\.([0-9]{2,3})\./.exec(result.stdout) : null;
  return version === null ? undefined : Number(version[1]);
}
