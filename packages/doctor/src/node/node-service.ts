/**
 * The processes of a service of the node. Anybody can start a process with any name, arguments and environment, in a pod
 * too, so a process counts only if systemd says that it is the unit's. A user id is not enough: a setuid program has its
 * caller's arguments.
 */
import { basename } from "node:path";
import { type NodeFiles, textOf } from "./node-files.ts";
import type { RunProgram } from "./program-run.ts";

export type ServiceUnit = "kubelet.service" | "ocir-broker.service";

export interface ServiceProcess {
  readonly pid: number;
  readonly args: readonly string[];
}

const SYSTEMD_LIMIT_MS = 3_000;

/** The main process of a unit that runs; undefined if none runs, or if this user may not look. */
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
  // No systemd to ask, or its main process is a shell that has started the service's program.
  const processes = processesOf(unit, files);
  return processes.find(isNamed) ?? main ?? processes[0];
}

/**
 * Does the text of a `/proc/<pid>/cgroup` belong to a process of this system unit? The path counts from its beginning: a
 * user's own systemd and one in a pod have units of the same name further down.
 */
export function isInUnit(cgroup: string, unit: ServiceUnit): boolean {
  const lines = cgroup.split("\n");
  // Where both versions of control groups are mounted, systemd keeps its units in the first.
  const line = lines.find((text) => /^\d+:name=systemd:/.test(text)) ?? lines.find((text) => text.startsWith("0::"));
  const path = line?.replace(/^\d+:[^:]*:/, "");
  return path === `/system.slice/${unit}` || path?.startsWith(`/system.slice/${unit}/`) === true;
}

/** 0: it does not run. Undefined: there is no systemd to ask, or it does not answer. */
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
