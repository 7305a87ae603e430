/** A process's resource usage, as counted by the kernel. */
import { readFileSync } from "node:fs";

/** Private memory of a process, without file pages. */
export function privateDirtyKiB(pid: number): number {
  return Number(/^Private_Dirty:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
}

/** CPU time of all its threads. */
export function usedMs(pid: number): number {
  const TICK_MS = 10;
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
