/** Kills the installer on a node before its nth change of a name: a rename, a link, a removal, a new folder. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import type { OkeNode } from "./oke-node.ts";

const LIBRARY = "/opt/killed-at-change.so";
const COUNT = "/run/killed-at-count";

let built: Buffer | undefined;

function library(): Buffer {
  if (built !== undefined) return built;
  const path = join(temporaryFolder(), "killed-at-change.so");
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", path, join(import.meta.dirname, "killed-at-change.c"), "-ldl"]);
  built = readFileSync(path);
  return built;
}

/** @returns the variables that kill each `ocir-broker` before its nth change. */
export async function variablesOfKill({ root }: OkeNode, step: number): Promise<Record<string, string>> {
  root.write(LIBRARY, library(), 0o755);
  await root.run("rm", ["-f", COUNT]);
  return { LD_PRELOAD: LIBRARY, KILLED_AT: String(step), KILLED_AT_COUNT: COUNT };
}

/** @returns the number of changes made; less than `step` if the program ended before. */
export async function runKilledAt(node: OkeNode, step: number, command: readonly string[]): Promise<number> {
  const { root } = node;
  const env = await variablesOfKill(node, step);
  const [program = "", ...args] = command;
  await root.exec(program, args, { env });
  // The lock's holder ends with the installer.
  await root.run("flock", ["-w", "60", "/run/ocir-broker-install.lock", "true"]);
  return Number((await root.exec("cat", [COUNT])).stdout);
}
