/** The kubelet's configuration files: read as the kubelet reads them, replaced so that it never sees half of one. */
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type ConfigFile, decodeConfigText } from "@ocir-broker/kubelet-config";
import { withPath } from "../failure.ts";

const NEW_FILE_MODE = 0o644;

/** Lists the files to read; a single directory stands for its files. */
export function readConfigFiles(paths: readonly string[]): { files: ConfigFile[]; directory: boolean } {
  const [first = ""] = paths;
  const directory = paths.length > 1 || statSync(first).isDirectory();
  const files = paths.length === 1 && directory ? filesIn(first) : paths;
  return {
    files: files.map((path) => ({ path, text: withPath(path, () => decodeConfigText(readFileSync(path))) })),
    directory,
  };
}

/** Follows links. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function readIfThere(path: string): string | undefined {
  return withPath(path, () => {
    try {
      return decodeConfigText(readFileSync(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  });
}

/** Replaces a file by one rename, after an fsync. An existing file keeps its mode, and a link stays a link. */
export function replaceFile(path: string, text: string): void {
  withPath(path, () => replace(path, text));
}

function replace(path: string, text: string): void {
  const before = statSync(path, { throwIfNoEntry: false });
  const target = before === undefined ? path : realpathSync(path);
  // The kubelet ignores files with this ending in a directory.
  const fresh = `${target}.ocir-broker-new`;
  try {
    const file = openSync(fresh, "w", NEW_FILE_MODE);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    chmodSync(fresh, before === undefined ? NEW_FILE_MODE : before.mode & 0o777);
    renameSync(fresh, target);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}

export async function readStdin(): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece);
  return Buffer.concat(pieces);
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && /\.(?:json|ya?ml)$/.test(entry.name))
    .map(({ name }) => join(directory, name));
}
