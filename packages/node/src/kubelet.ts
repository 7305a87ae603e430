/**
 * Detects the node's kubelet. The flags come from its running process, since unit and cloud-init may differ; if it does not
 * run (perhaps because it cannot start), from its unit. The version, which decides the rules, comes from the installed program,
 * which its next start runs, if only root can change it.
 */
import {
  BIN_DIRECTORY_FLAG,
  CONFIG_FLAG,
  type KubeletFlags,
  normalized,
  readKubeletUnit,
  unitFlags,
} from "./kubelet-unit.ts";
import { type NodeFiles, textOf } from "./node-files.ts";
import { findKubelet } from "./node-service.ts";
import type { RunProgram } from "./program-run.ts";

export interface Kubelet extends KubeletFlags {
  /** Absent if it does not run; the other values then come from its unit. */
  readonly pid?: number;
  /** Kubernetes 1.<minor>; undefined if unknown. */
  readonly minor: number | undefined;
  /** Undefined if it does not run, or if its socket has the name of neither. */
  readonly runtime?: "CRI-O" | "containerd" | undefined;
}

const PROGRAMS = ["/usr/bin/kubelet", "/usr/local/bin/kubelet", "/opt/bin/kubelet"];

export async function detectKubelet(files: NodeFiles, runProgram: RunProgram): Promise<Kubelet | undefined> {
  const process = await findKubelet(files, runProgram);
  if (process === undefined) return fromUnit(files, runProgram);
  const { pid, args } = process;
  const runtime = runtimeOf(args, files);
  return { pid, ...flagsIn(args), runtime, minor: await minorOfInstalled(files, runProgram) };
}

/** Accepts Go's `--flag=value` and `--flag value`, and underscores for dashes as the kubelet does; the last one counts. */
export function flagIn(args: readonly string[], flag: string): string | undefined {
  const at = args.findLastIndex((arg) => normalized(arg.split("=", 1)[0] ?? "") === flag);
  const given = args[at];
  if (given === undefined) return undefined;
  return (given.includes("=") ? given.slice(flag.length + 1) : args[at + 1]) || undefined;
}

export function flagsIn(args: readonly string[]): KubeletFlags {
  return { config: flagIn(args, CONFIG_FLAG), binDir: flagIn(args, BIN_DIRECTORY_FLAG) };
}

/** The flag precedes the configuration file; without both, the kubelet uses containerd's socket. */
function runtimeOf(args: readonly string[], files: NodeFiles): Kubelet["runtime"] {
  const path = flagIn(args, "--config");
  const text = path === undefined ? "" : textOf(files.readText(path));
  const configured =
    text === undefined ? "" : (/\bcontainerRuntimeEndpoint["']?:\s*(\S+)/.exec(text)?.[1] ?? "containerd");
  const endpoint = flagIn(args, "--container-runtime-endpoint") ?? configured;
  if (endpoint.includes("crio")) return "CRI-O";
  return endpoint.includes("containerd") ? "containerd" : undefined;
}

async function fromUnit(files: NodeFiles, runProgram: RunProgram): Promise<Kubelet | undefined> {
  const flags = unitFlags(readKubeletUnit(files));
  if (flags.config === undefined && flags.binDir === undefined) return undefined;
  return { ...flags, minor: await minorOfInstalled(files, runProgram) };
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
