/** The paths that a kubelet's next start will name: those in the files of its unit, and those of the running process. */
import { BIN_DIRECTORY_FLAG, CONFIG_FLAG, detectKubelet, unitValues } from "@ocir-broker/node/kubelet";
import { pathErrorOf } from "@ocir-broker/node/kubelet-location";
import { readKubeletUnit } from "@ocir-broker/node/kubelet-unit";
import { createNodeFiles, type NodeFiles } from "@ocir-broker/node/node-files";
import type { RunProgram } from "@ocir-broker/node/program-run";

export interface KubeletNames {
  readonly configs: readonly string[];
  readonly binDirs: readonly string[];
}

export interface NamesReading {
  /** `/`, or a test's folder. */
  readonly root: string;
  readonly runProgram: RunProgram;
  /** Files of the unit that get our flags removed: the text that each will have; undefined if it will be removed. */
  readonly restored: ReadonlyMap<string, string | undefined>;
}

/** Undefined if it is uncertain: a user other than root can change one of the paths. */
export async function readKubeletNames({
  root,
  runProgram,
  restored,
}: NamesReading): Promise<KubeletNames | undefined> {
  const files = withTexts(createNodeFiles(root), restored);
  const unit = await readKubeletUnit(files, runProgram);
  const kubelet = await detectKubelet(files, runProgram);
  // If it has its flags from us, it does not get them at its next start.
  const process = kubelet?.pid === undefined || restored.size > 0 ? undefined : kubelet;
  const named = (flag: string, ofProcess: string | undefined) =>
    [...unitValues(files, flag, [...unit.files.keys()]), ofProcess ?? ""].filter((path) => path.startsWith("/"));
  const configs = named(CONFIG_FLAG, process?.configPath);
  const binDirs = named(BIN_DIRECTORY_FLAG, process?.binDirectory);
  const isCertain = [...configs, ...binDirs].every((path) => pathErrorOf(path, root) === undefined);
  return isCertain ? { configs, binDirs } : undefined;
}

/** The same files, some of them with another text. */
export function withTexts(files: NodeFiles, texts: ReadonlyMap<string, string | undefined>): NodeFiles {
  return {
    ...files,
    readText(path) {
      const resolved = files.resolve(path);
      if (!texts.has(resolved)) return files.readText(path);
      const value = texts.get(resolved);
      return value === undefined ? { failure: "ENOENT" } : { value };
    },
  };
}
