/** Removes control groups, of either version, that have groups and dying processes in them. */
import { existsSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const BUSY_MS = 20;

/** Kills all remaining processes of a control group, and removes it. */
export function endCgroup(cgroup: string): void {
  if (!existsSync(cgroup)) return;
  if (existsSync(join(cgroup, "cgroup.kill"))) writeFileSync(join(cgroup, "cgroup.kill"), "1");
  for (let attempt = 0; attempt < 100; attempt += 1) {
    try {
      removeCgroup(cgroup);
      return;
    } catch {
      // EBUSY until a killed process has been reaped.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_MS);
    }
  }
  throw new Error(`control group ${cgroup} is still busy`);
}

function removeCgroup(cgroup: string): void {
  for (const entry of readdirSync(cgroup, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(cgroup, entry.name));
  }
  rmdirSync(cgroup);
}
