/** The paths that a kubelet's next start will name: those in the files of its unit, and those of the running process. */
import { detectKubelet } from "@ocir-broker/node/kubelet";
import { BIN_DIRECTORY_FLAG, CONFIG_FLAG, unitValues } from "@ocir-broker/node/kubelet-unit";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import { pathErrorOf } from "@ocir-broker/node/path-error";
import type { NodeContext } from "../node-context.ts";

export interface KubeletNames {
  readonly configs: readonly string[];
  readonly binDirs: readonly string[];
}

/**
 * Undefined if it is uncertain: a user other than root can change one of the paths.
 *
 * @param ignoresProcess the running kubelet has its flags from us, and they are removed from its unit: its next start does not get them.
 */
export async function readKubeletNames(
  { root, runProgram }: NodeContext,
  { ignoresProcess }: { readonly ignoresProcess: boolean },
): Promise<KubeletNames | undefined> {
  const files = createNodeFiles(root);
  const kubelet = await detectKubelet(files, runProgram);
  const process = kubelet?.pid === undefined || ignoresProcess ? undefined : kubelet;
  const named = (flag: string, ofProcess: string | undefined) =>
    [...unitValues(files, flag), ofProcess ?? ""].filter((path) => path.startsWith("/"));
  const configs = named(CONFIG_FLAG, process?.configPath);
  const binDirs = named(BIN_DIRECTORY_FLAG, process?.binDirectory);
  const isCertain = [...configs, ...binDirs].every((path) => pathErrorOf(path, root) === undefined);
  return isCertain ? { configs, binDirs } : undefined;
}
