/**
 * Finds the main process of the kubelet's service. Any user or pod can start a process with any name, arguments and
 * environment, so a process counts only if it is in the unit's control group. A user id is not enough: a setuid program has
 * its caller's arguments.
 */
import { basename } from "node:path";
import { type NodeFiles, textOf } from "./node-files.ts";
import { isSuccess, type RunProgram } from "./program-run.ts";

const UNIT = "kubelet.service";

export interface ServiceProcess {
  readonly pid: number;
  readonly args: readonly string[];
}

/** The unit's main process; undefined if it does not run, or if this user cannot see it. */
export async function findKubelet(files: NodeFiles, runProgram: RunProgram): Promise<ServiceProcess | undefined> {
  const shown = await showProperties(["--value", "--property=MainPID", UNIT], files, runProgram);
  const [, digits] = /^(\d+)\n$/.exec(shown ?? "") ?? [];
  const mainPid = digits === undefined ? undefined : Number(digits);
  if (mainPid === 0) return undefined;
  const main = mainPid === undefined ? undefined : processAt(mainPid, files);
  const isNamed = ({ args }: ServiceProcess): boolean => basename(args[0] ?? "") === "kubelet";
  if (main !== undefined && isNamed(main)) return main;
  // No systemd responds, or the main process is a shell that started the service's program.
  const processes = processesOfUnit(files);
  return processes.find(isNamed) ?? main ?? processes[0];
}

/** The text that `systemctl show` prints; undefined on the tree of another node, and if no systemd responds. */
export async function showProperties(
  args: readonly string[],
  files: NodeFiles,
  runProgram: RunProgram,
): Promise<string | undefined> {
  if (files.locate("/") !== "/" || "failure" in files.stat("/run/systemd/system")) return undefined;
  const result = await runProgram({ path: "systemctl", args: ["show", ...args] });
  return isSuccess(result) ? result.stdout : undefined;
}

/**
 * Whether this text of `/proc/<pid>/cgroup` belongs to a process of the system unit. The path must match from its start: a
 * user's systemd, or one in a pod, has units of the same name further down.
 */
export function isInUnit(cgroup: string): boolean {
  const lines = cgroup.split("\n");
  // If both versions of control groups are mounted, systemd keeps its units in version 1.
  const line = lines.find((text) => /^\d+:name=systemd:/.test(text)) ?? lines.find((text) => text.startsWith("0::"));
  const path = line?.replace(/^\d+:[^:]*:/, "");
  return path === `/system.slice/${UNIT}` || path?.startsWith(`/system.slice/${UNIT}/`) === true;
}

function processesOfUnit(files: NodeFiles): ServiceProcess[] {
  const names = files.list("/proc");
  return ("value" in names ? names.value : [])
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => isInUnit(textOf(files.readText(`/proc/${pid}/cgroup`)) ?? ""))
    .flatMap((pid) => processAt(Number(pid), files) ?? []);
}

function processAt(pid: number, files: NodeFiles): ServiceProcess | undefined {
  const text = textOf(files.readText(`/proc/${pid}/cmdline`));
  return text === undefined || text === "" ? undefined : { pid, args: text.replace(/\0$/, "").split("\0") };
}
