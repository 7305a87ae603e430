/** The kubelet's configuration files: read as the kubelet reads them, replaced so that it never sees half of one. */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  mkdtempDisposableSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { readRegularFile } from "@ocir-broker/foundation/regular-file";
import { type ConfigFile, isConfigName } from "@ocir-broker/kubelet-config/reading/decode";
import { decodeConfigText } from "@ocir-broker/kubelet-config/reading/document";
import { withPath } from "../failure.ts";

const NEW_FILE_MODE = 0o644;

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

export function readConfigFile(path: string): string {
  return withPath(path, () => decodeConfigText(readRegularFile(path)));
}

export function readIfThere(path: string): string | undefined {
  return withPath(path, () => statSync(path, { throwIfNoEntry: false })) && readConfigFile(path);
}

/** Replaces a file by one rename, after an fsync. An existing file keeps its mode and owner, and a link stays a link. */
export function replaceFile(path: string, text: string): void {
  withPath(path, () => replace(path, text));
}

function replace(path: string, text: string): void {
  const before = statSync(path, { throwIfNoEntry: false });
  const target = before === undefined ? path : realpathSync(path);
  // Nobody can predict the name or write into it. The kubelet ignores folders in a directory of configurations.
  using folder = mkdtempDisposableSync(`${target}.ocir-broker-`);
  const fresh = join(folder.path, "new");
  writeFresh(fresh, text, before);
  renameSync(fresh, target);
}

/** Creates the file, and works on its descriptor only, so that no link can lead elsewhere. */
function writeFresh(path: string, text: string, before: Stats | undefined): void {
  const file = openSync(path, "wx", 0o600);
  try {
    writeFileSync(file, text);
    if (before !== undefined) fchownSync(file, before.uid, before.gid);
    fchmodSync(file, before === undefined ? NEW_FILE_MODE : before.mode & 0o777);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && isConfigName(entry.name))
    .map(({ name }) => join(directory, name));
}
