/**
 * Locates the kubelet for scripts that run as root: its process, version, and the paths in its flags and unit. A path that
 * another user can change is reported as an error, never as a value.
 */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { distrustOfAll } from "./credential-provider-files.ts";
import { BIN_DIRECTORY_FLAG, CONFIG_FLAG, detectKubelet, unitValues } from "./kubelet.ts";
import { createNodeFiles, type NodeFiles } from "./node-files.ts";
import { createRunProgram } from "./program-run.ts";

export interface KubeletLocation {
  /** `pid`, `program` and `minor` of the process; `config` and `bin-dir` from its flags; one `unit-…` for each path in its unit. */
  readonly values: readonly (readonly [key: string, value: string])[];
  /** For people: one line for each path that another user can change. */
  readonly errors: readonly string[];
}

export async function locateKubelet(root: string, clock: Clock): Promise<KubeletLocation> {
  const files = createNodeFiles(root);
  const kubelet = await detectKubelet(files, createRunProgram(clock));
  const process = kubelet?.pid === undefined ? undefined : kubelet;
  const { minor } = kubelet ?? {};
  const paths: [key: string, path: string | undefined][] = [
    ["program", process?.program],
    ["config", process?.configPath],
    ["bin-dir", process?.binDirectory],
    ...unitPaths("unit-config", CONFIG_FLAG, files),
    ...unitPaths("unit-bin-dir", BIN_DIRECTORY_FLAG, files),
  ];
  const judged = paths.flatMap(([key, path]) =>
    path === undefined ? [] : [{ key, path, error: pathErrorOf(path, root) }],
  );
  return {
    values: [
      ...(process === undefined ? [] : [["pid", String(process.pid)] as const]),
      ...(minor === undefined ? [] : [["minor", String(minor)] as const]),
      ...judged.flatMap(({ key, path, error }) => (error === undefined ? [[key, path] as const] : [])),
    ],
    errors: [...new Set(judged.flatMap(({ error }) => error ?? []))],
  };
}

/** One line: why root should not read, run or write this path, or a configuration file in it. */
export function pathErrorOf(path: string, root: string): string | undefined {
  const distrusted = distrustOfAll(createNodeFiles(root), path);
  if (distrusted === undefined) return undefined;
  const shown = path.replace(/\p{Cc}/gu, "?");
  return `path-untrusted: ${shown}: ${distrusted}; let only root own and write it and each folder above it`;
}

/** Skips values that are not absolute paths, such as variables. */
function unitPaths(key: string, flag: string, files: NodeFiles): [key: string, path: string][] {
  return unitValues(files, flag).flatMap((path) => (path.startsWith("/") ? [[key, path]] : []));
}
