/**
 * Finds the main process of a systemd service. Any user or pod can start a process with any name, arguments and environment,
 * so a process counts only if it is in the unit's control group. A user id is not enough: a setuid program has its caller's
 * arguments.
 */
import { basename } from "node:path";
import { type NodeFiles, textOf } from "./node-files.ts";
import type { RunProgram } from "./program-run.ts";

export type ServiceUnit = "kubelet.service";

export interface ServiceProcess {
  readonly pid: number;
  readonly args: readonly string[];
}

const SYSTEMD_LIMIT_MS = 3_000;

/** The unit's main process; undefined if it does not run, or if this user cannot see it. */
export async function findService(
  unit: ServiceUnit,
  files: NodeFiles,
  runProgram: RunProgram,
): Promise<ServiceProcess | undefined> {
  const mainPid = await askSystemd(unit, files, runProgram);
  if (mainPid === 0) return undefined;
  const main = mainPid === undefined ? undefined : processAt(mainPid, files);
  const isNamed = ({ args }: ServiceProcess): boolean => basename(args[0] ?? "") === unit.replace(".service", "");
  if (main !== undefined && isNamed(main)) return main;
  // No systemd answers, or the main process is a shell that started the service's program.
  const processes = processesOf(unit, files);
  return processes.find(isNamed) ?? main ?? processes[0];
}

/**
 * Whether this text of `/proc/<pid>/cgroup` belongs to a process of the system unit. The path must match from its start: a
 * user's systemd, or one in a pod, has units of the same name further down.
 */
export function isInUnit(cgroup: string, unit: ServiceUnit): boolean {
  const lines = cgroup.split("\n");
  // If both versions of control groups are mounted, systemd keeps its units in version 1.
  const line = lines.find((text) => /^\d+:name=systemd:/.test(text)) ?? lines.find((text) => text.startsWith("0::"));
  const path = line?.replace(/^\d+:[^:]*:/, "");
  return path === `/system.slice/${unit}` || path?.startsWith(`/system.slice/${unit}/`) === true;
}

/** 0 if the unit does not run; undefined if no systemd answers. */
async function askSystemd(unit: ServiceUnit, files: NodeFiles, runProgram: RunProgram): Promise<number | undefined> {
  if (files.locate("/") !== "/" || "failure" in files.stat("/run/systemd/system")) return undefined;
  const result = await runProgram({
    path: "systemctl",
    args: ["show", "--value", "--property=MainPID", unit],
    env: {},
    stdin: "",
    limitMs: SYSTEMD_LIMIT_MS,
  });
  if (!("stdout" in result) || result.exitCode !== 0) return undefined;
  const pid = /^(\d+)\n$/.exec(result.stdout)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

function processesOf(unit: ServiceUnit, files: NodeFiles): ServiceProcess[] {
  const names = files.list("/proc");
  return ("value" in names ? names.value : [])
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => isInUnit(textOf(files.readText(`/proc/${pid}/cgroup`)) ?? "", unit))
    .flatMap((pid) => processAt(Number(pid), files) ?? []);
}

function processAt(pid: number, files: NodeFiles): ServiceProcess | undefined {
  const text = textOf(files.readText(`/proc/${pid}/cmdline`));
  return text === undefined || text === "" ? undefined : { pid, args: text.replace(/\0$/, "").split("\0") };
}
