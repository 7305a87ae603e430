/** Reads the kubelet's credential provider configuration: files, or a folder of them. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { readRegularFile } from "@ocir-broker/foundation/regular-file";
import { type ConfigFile, isConfigName } from "@ocir-broker/kubelet-config/reading/decode";
import { decodeConfigText } from "@ocir-broker/kubelet-config/reading/document";
import { withPath } from "../failure.ts";

/** Lists the files to read; a single directory stands for its files. */
export function readConfigFiles(paths: readonly string[]): { files: ConfigFile[]; directory: boolean } {
  const [first = ""] = paths;
  const directory = paths.length > 1 || statSync(first).isDirectory();
  const files = paths.length === 1 && directory ? filesIn(first) : paths;
  return {
    files: files.map((path) => ({ path, text: readConfigFile(path) })),
    directory,
  };
}

function readConfigFile(path: string): string {
  return withPath(path, () => decodeConfigText(readRegularFile(path)));
}

export function readIfThere(path: string): string | undefined {
  return withPath(path, () => statSync(path, { throwIfNoEntry: false })) && readConfigFile(path);
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && isConfigName(entry.name))
    .map(({ name }) => join(directory, name));
}
