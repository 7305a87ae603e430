/**
 * Whether what a process takes stays flat: the same load again and again, and after each a look when it is quiet. The first
 * rounds warm it up (V8 keeps what it once needed); the last is held against the third, like against like.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { openDescriptors } from "./descriptors.ts";

export interface Usage {
  readonly pid: number;
  readonly descriptors: number;
  readonly privateDirtyKiB: number;
}

const WARM_AFTER = 3;
const ROUNDS = 6;
/** Connections to upstreams that are kept for the next request end within this. */
const QUIET_MS = 8_000;
const LOOKS = 9;
const LOOK_EVERY_MS = 100;

/** Once warm, and after the last round. */
export async function usageUnder(
  pid: () => number | undefined,
  load: () => Promise<unknown>,
): Promise<{ readonly early: Usage; readonly late: Usage }> {
  const usages: Usage[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await load();
    await sleep(QUIET_MS);
    usages.push(await quietUsage(pid() ?? 0));
  }
  return { early: usages[WARM_AFTER - 1] as Usage, late: usages.at(-1) as Usage };
}

/** The medians: a request of the metrics' file or a renewal may fall into one look. */
async function quietUsage(pid: number): Promise<Usage> {
  const looks: Usage[] = [];
  for (let look = 0; look < LOOKS; look += 1) {
    looks.push({ pid, descriptors: openDescriptors(pid).length, privateDirtyKiB: privateDirtyKiB(pid) });
    await sleep(LOOK_EVERY_MS);
  }
  const medianOf = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[LOOKS >> 1] as number;
  return {
    pid,
    descriptors: medianOf(looks.map(({ descriptors }) => descriptors)),
    privateDirtyKiB: medianOf(looks.map((each) => each.privateDirtyKiB)),
  };
}

export function privateDirtyKiB(pid: number): number {
  return Number(/^Private_Dirty:\s+(\d+) kB$/m.exec(readProcess(pid, "smaps_rollup"))?.[1] ?? 0);
}

export function readProcess(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
