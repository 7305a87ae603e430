/** The descriptors of a process: which it has, and how many more it may open. The soft limit only, which anyone may raise again. */
import { execFileSync } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";

export function openDescriptors(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map(Number);
  } catch {
    return [];
  }
}

/**
 * At most `spare` beside those of its start, whatever it closes meanwhile: a limit is on numbers, and those of its start
 * are the lowest. False where it has ended, or begins to: then there are gaps among them.
 */
export function leaveDescriptors(pid: number, spare: number): boolean {
  const open = openDescriptors(pid);
  const reserve = open.find((descriptor) => isReserve(pid, descriptor));
  if (reserve === undefined) return false;
  const isWhole = open.filter((descriptor) => descriptor <= reserve).length === reserve + 1;
  return limitDescriptors(pid, reserve + 1 + spare) && isWhole;
}

/** What libuv opens before its first socket, and gives up for a moment to take a connection and close it. */
function isReserve(pid: number, descriptor: number): boolean {
  try {
    return descriptor > 2 && ["/dev/null", "/"].includes(readlinkSync(`/proc/${pid}/fd/${descriptor}`));
  } catch {
    return false;
  }
}

export function limitDescriptors(pid: number, limit: number): boolean {
  try {
    execFileSync("prlimit", ["--pid", String(pid), `--nofile=${limit}:`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
