/**
 * The kubelet that runs, by its process: the flags it really got, which its unit or cloud-init may not tell, and its
 * version, which decides which rules hold. Of one that does not run, since it cannot start perhaps, what its unit says.
 * Reads files; signals nothing.
 */
import { basename } from "node:path";
import { type NodeFiles, textOf } from "./node-files.ts";
import type { RunProgram } from "./program-run.ts";

export interface Kubelet {
  /** Absent: it does not run, and the rest is what its unit says. */
  readonly pid?: number;
  readonly configPath: string | undefined;
  readonly binDirectory: string | undefined;
  /** Kubernetes 1.<minor>; undefined where it does not tell. */
  readonly minor: number | undefined;
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

export async function lookAtKubelet(files: NodeFiles, runProgram: RunProgram): Promise<Kubelet | undefined> {
  const processes = files.list("/proc");
  for (const pid of "value" in processes ? processes.value : []) {
    if (!/^[0-9]+$/.test(pid)) continue;
    const [program = "", ...args] = (textOf(files.readText(`/proc/${pid}/cmdline`)) ?? "").split("\0");
    if (basename(program) !== "kubelet") continue;
    return {
      pid: Number(pid),
      configPath: flagIn(args, CONFIG_FLAG),
      binDirectory: flagIn(args, BIN_DIRECTORY_FLAG),
      minor: await minorOf(files.locate(program), runProgram),
    };
  }
  return fromUnit(files, runProgram);
}

/** The file of the kubelet's unit that has its flags for credential providers. */
export function unitFileWithFlags(files: NodeFiles): string | undefined {
  const inDropIns = DROP_INS.flatMap((directory) => {
    const names = files.list(directory);
    return "value" in names ? names.value.map((name) => `${directory}/${name}`) : [];
  });
  return [...UNIT_FILES, ...inDropIns].find((path) => unitText(files, path)?.includes(CONFIG_FLAG));
}

async function fromUnit(files: NodeFiles, runProgram: RunProgram): Promise<Kubelet | undefined> {
  const unit = unitFileWithFlags(files);
  const text = unit === undefined ? undefined : unitText(files, unit);
  if (text === undefined) return undefined;
  const args = text.split(/[\s"']+/);
  const program = PROGRAMS.find(files.isExecutable);
  return {
    configPath: flagIn(args, CONFIG_FLAG),
    binDirectory: flagIn(args, BIN_DIRECTORY_FLAG),
    minor: program === undefined ? undefined : await minorOf(files.locate(program), runProgram),
  };
}

/** Without its comments. */
function unitText(files: NodeFiles, path: string): string | undefined {
  return textOf(files.readText(path))?.replace(/^\s*[#;].*$/gm, "");
}

/** Both forms of Go's flags, `--flag=value` and `--flag value`, with underscores too, which the kubelet takes for dashes; the last one counts. */
function flagIn(args: readonly string[], flag: string): string | undefined {
  const at = args.findLastIndex((arg) => arg.split("=", 1)[0]?.replaceAll("_", "-") === flag);
  const given = args[at];
  if (given === undefined) return undefined;
  return (given.includes("=") ? given.slice(flag.length + 1) : args[at + 1]) || undefined;
}

async function minorOf(path: string, runProgram: RunProgram): Promise<number | undefined> {
  const result = await runProgram({ path, args: ["--version"], env: {}, stdin: "", limitMs: VERSION_LIMIT_MS });
  const version = "stdout" in result ? /^Kubernetes v1\.([0-9]{2})\./.exec(result.stdout) : null;
  return version === null ? undefined : Number(version[1]);
}
