/**
 * The versions of ocir-broker on a node: each a folder in /usr/libexec/ocir-broker, and the link `current` to one of them. A package has
 * one folder, whose files its manager replaces; an archive's versions stand side by side, two at most.
 */
import fs from "node:fs";
import { dirname, join } from "node:path";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import type { Disk } from "./disk.ts";
import { InstallError } from "./install-error.ts";
import { CURRENT, FOLDER, PACKAGE, PROGRAM_NAME } from "./installed-files.ts";

const SUMS = "SHA256SUMS";
/** A line of that list, in the format of `sha256sum`. */
const LINE = /^([0-9a-f]{64}) {2}((?:[\w@+-][\w@+.-]*\/)*[\w@+-][\w@+.-]*)$/;
const UNPACKED = `${FOLDER}/.new`;

/** The name of the folder that is in use. */
export function currentVersion(disk: Disk): string | undefined {
  const state = disk.stateOf(CURRENT);
  const name = state.startsWith("link:") ? state.slice("link:".length) : undefined;
  return name !== undefined && disk.isThere(`${FOLDER}/${name}/${PROGRAM_NAME}`) ? name : undefined;
}

export function hasPackage(disk: Disk): boolean {
  return disk.isThere(`${FOLDER}/${PACKAGE}/${PROGRAM_NAME}`);
}

/**
 * Copies an unpacked archive into a folder of its own, which gets its name once all of it is there and flushed.
 *
 * @returns the folder's name. Another build of a version that is in use gets another name.
 * @throws {InstallError} `archive`
 */
export function unpack(disk: Disk, from: string, version: string): string {
  const sums = resultIfAny(() => fs.readFileSync(join(from, SUMS), "utf8")) ?? "";
  const files = sums.split("\n").flatMap((line) => {
    const [, sha256, name] = LINE.exec(line) ?? [];
    return sha256 === undefined || name === undefined ? [] : [{ name, sha256 }];
  });
  if (!files.some(({ name }) => name === PROGRAM_NAME))
    throw new InstallError("archive", `${from} is not an unpacked archive of ocir-broker`);
  disk.remove(UNPACKED);
  for (const { name, sha256 } of files) {
    const stats = resultIfAny(() => fs.statSync(join(from, name)));
    if (stats === undefined) throw new InstallError("archive", `${name} is missing: unpack the archive again`);
    // A fixed mode, because tar's umask may have changed that of the unpacked file.
    const mode = (stats.mode & 0o100) === 0 ? 0o644 : 0o755;
    if (disk.bring(join(from, name), `${UNPACKED}/${name}`, mode) !== `file:${sha256}`)
      throw new InstallError("archive", `${name} is damaged in the archive: unpack or download it again`);
  }
  disk.bring(join(from, SUMS), `${UNPACKED}/${SUMS}`, 0o644);
  disk.relabel(UNPACKED);
  const current = currentVersion(disk);
  if (current !== undefined && isSame(disk, UNPACKED, `${FOLDER}/${current}`)) {
    disk.remove(UNPACKED);
    return current;
  }
  const name = current === version ? `${version}-again` : version;
  disk.remove(`${FOLDER}/${name}`);
  disk.nameFolder(UNPACKED, `${FOLDER}/${name}`);
  return name;
}

export function turnTo(disk: Disk, name: string): void {
  if (disk.stateOf(CURRENT) !== `link:${name}`) disk.write(CURRENT, { kind: "link", target: name });
}

/** Removes all but these two, and what a killed run has left. A package's folder stays. */
export function keepOnly(disk: Disk, ...names: readonly (string | undefined)[]): void {
  const folders = new Set(disk.foldersBelow(FOLDER).filter((path) => dirname(path) === FOLDER));
  for (const name of [PACKAGE, ...names]) folders.delete(`${FOLDER}/${name}`);
  for (const folder of folders) disk.remove(folder);
}

function isSame(disk: Disk, one: string, other: string): boolean {
  const states = [one, other].map((folder) =>
    disk.filesBelow(folder).map((path) => `${path.slice(folder.length)} ${disk.stateOf(path)}`),
  );
  return String(states[0]) === String(states[1]);
}
