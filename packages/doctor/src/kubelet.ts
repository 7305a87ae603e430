/**
 * The kubelet that runs, by its process: the flags it really got, which its unit or cloud-init may not tell, and its
 * version, which decides which rules hold. Reads /proc; signals nothing.
 */
import { basename } from "node:path";
import { type NodeFiles, textOf } from "./node-files.ts";
import type { RunProgram } from "./program-run.ts";

export interface Kubelet {
  readonly pid: number;
  readonly configPath: string | undefined;
  readonly binDirectory: string | undefined;
  /** Kubernetes 1.<minor>; undefined where it does not tell. */
  readonly minor: number | undefined;
}

export const CONFIG_FLAG = "--image-credential-provider-config";
export const BIN_DIRECTORY_FLAG = "--image-credential-provider-bin-dir";

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
  return undefined;
}

/** Both forms of Go's flags, `--flag=value` and `--flag value`; the last one counts. */
function flagIn(args: readonly string[], flag: string): string | undefined {
  const at = args.findLastIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  const given = args[at];
  if (given === undefined) return undefined;
  return (given === flag ? args[at + 1] : given.slice(flag.length + 1)) || undefined;
}

async function minorOf(path: string, runProgram: RunProgram): Promise<number | undefined> {
  const result = await runProgram({ path, args: ["--version"], env: {}, stdin: "", limitMs: VERSION_LIMIT_MS });
  const version = "stdout" in result ? /^Kubernetes v1\.([0-9]{2})\./.exec(result.stdout) : null;
  return version === null ? undefined : Number(version[1]);
}
