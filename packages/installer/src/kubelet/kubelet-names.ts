/** The paths that a kubelet's next start will name: those in the files of its unit, and those of the running process. */
import { BIN_DIRECTORY_FLAG, CONFIG_FLAG, detectKubelet, unitValues } from "@ocir-broker/node/kubelet";
import { readKubeletUnit } from "@ocir-broker/node/kubelet-unit";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import { pathErrorOf } from "@ocir-broker/node/path-error";
import type { RunProgram } from "@ocir-broker/node/program-run";

export interface KubeletNames {
  readonly configs: readonly string[];
  readonly binDirs: readonly string[];
}

export interface NamesReading {
  /** `/`, or a test's folder. */
  readonly root: string;
  readonly runProgram: RunProgram;
  /** The running kubelet has its flags from us, and they are removed from its unit: its next start does not get them. */
  readonly ignoresProcess: boolean;
}

/** Undefined if it is uncertain: a user other than root can change one of the paths. */
export async function readKubeletNames(reading: NamesReading): Promise<KubeletNames | undefined> {
  const { root, runProgram, ignoresProcess } = reading;
  const files = createNodeFiles(root);
  const { parts, variables } = readKubeletUnit(files);
  const unitFiles = [...parts, ...variables].map(({ path }) => path);
  const kubelet = await detectKubelet(files, runProgram);
  const process = kubelet?.pid === undefined || ignoresProcess ? undefined : kubelet;
  const named = (flag: string, ofProcess: string | undefined) =>
    [...unitValues(files, flag, unitFiles), ofProcess ?? ""].filter((path) => path.startsWith("/"));
  const configs = named(CONFIG_FLAG, process?.configPath);
  const binDirs = named(BIN_DIRECTORY_FLAG, process?.binDirectory);
  const isCertain = [...configs, ...binDirs].every((path) => pathErrorOf(path, root) === undefined);
  return isCertain ? { configs, binDirs } : undefined;
}
