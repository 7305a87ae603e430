/** A process's descriptors, and how many more it may open. Changes only the soft limit, which the process may raise again. */
import { execFileSync } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";

function openDescriptors(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map(Number);
  } catch {
    return [];
  }
}

/**
 * Allows at most `spare` more than at its start, whatever it closes meanwhile: the limit counts numbers, and those of the start
 * are the lowest. Returns false if the process has ended or is ending, when there are gaps among them.
 */
export function leaveDescriptors(pid: number, spare: number): boolean {
  const open = openDescriptors(pid);
  const reserve = open.find((descriptor) => isReserve(pid, descriptor));
  if (reserve === undefined) return false;
  const isWhole = open.filter((descriptor) => descriptor <= reserve).length === reserve + 1;
  return limitDescriptors(pid, reserve + 1 + spare) && isWhole;
}

/** The spare descriptor of libuv, which it closes briefly to accept and close a connection. */
function isReserve(pid: number, descriptor: number): boolean {
  try {
    return descriptor > 2 && ["/dev/null", "/"].includes(readlinkSync(`/proc/${pid}/fd/${descriptor}`));
  } catch {
    return false;
  }
}

function limitDescriptors(pid: number, limit: number): boolean {
  try {
    execFileSync("prlimit", ["--pid", String(pid), `--nofile=${limit}:`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
