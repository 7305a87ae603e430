/** The descriptors of a process: which it has, and how many more it may open. The soft limit only, which anyone may raise again. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";

export function openDescriptors(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map(Number);
  } catch {
    return [];
  }
}

/** False where it has just ended. A limit is on numbers, so gaps among those that are open count as spare. */
export function leaveDescriptors(pid: number, spare: number): boolean {
  const open = new Set(openDescriptors(pid));
  let limit = 0;
  for (let free = 0; free < spare || open.has(limit); limit += 1) if (!open.has(limit)) free += 1;
  return open.size > 0 && limitDescriptors(pid, limit);
}

export function limitDescriptors(pid: number, limit: number): boolean {
  try {
    execFileSync("prlimit", ["--pid", String(pid), `--nofile=${limit}:`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
