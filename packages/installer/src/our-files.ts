/**
 * The few files of ours that have a fixed place outside of our folder: units, users, folders for the daemon. A version has
 * them in `root/`, at their paths. They are ours by their place and name.
 */
import { basename } from "node:path";
import { pathsIn } from "@ocir-broker/node/node-files";
import type { Disk } from "./disk.ts";
import { stateIfAny } from "./disk.ts";
import { FOLDER } from "./installed-files.ts";
import type { NodeContext } from "./system/node-context.ts";

const FOLDERS = [
  "/usr/lib/systemd/system",
  "/usr/lib/systemd/user",
  "/usr/lib/sysusers.d",
  "/usr/lib/tmpfiles.d",
] as const;
const OUR_NAME = /^ocir-broker[^/]*\.(?:service|socket|conf)(?:\.ocir-broker-new)?$/;

/** Writes the files of this version, and removes those that only another one has. @returns whether a file has changed. */
export function writeOurFiles(node: Pick<NodeContext, "disk" | "files">, version: string): boolean {
  const { disk } = node;
  const wanted = filesOf(disk, version);
  const changed = [...wanted].filter(([path, from]) => stateIfAny(disk, path) !== disk.stateOf(from));
  for (const [path, from] of changed) disk.write(path, { kind: "copy", from });
  const old = ourFiles(node).filter((path) => !wanted.has(path));
  old.forEach(disk.remove);
  return changed.length + old.length > 0;
}

/** Whether a run of this version has written them all. */
export function areOurFilesOf({ disk }: Pick<NodeContext, "disk">, version: string): boolean {
  return [...filesOf(disk, version)].every(([path, from]) => stateIfAny(disk, path) === disk.stateOf(from));
}

export function ourFiles({ disk, files }: Pick<NodeContext, "disk" | "files">): string[] {
  return FOLDERS.flatMap((folder) => pathsIn(folder, files)).filter(
    (path) => OUR_NAME.test(basename(path)) && stateIfAny(disk, path) !== undefined,
  );
}

/** Their paths, with the files of the version. */
function filesOf(disk: Disk, version: string): Map<string, string> {
  const root = `${FOLDER}/${version}/root`;
  return new Map(disk.filesBelow(root).map((from) => [from.slice(root.length), from]));
}
