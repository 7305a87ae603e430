/** What the commands expect of a node, and what a person does if it is otherwise. */
import { LIST } from "../copies.ts";
import { InstallError } from "../install-error.ts";
import { FOLDER, PROGRAM_NAME } from "../installed-files.ts";
import type { NodeRun } from "../node-run.ts";
import { areOurFilesOf } from "../our-files.ts";
import { currentVersion } from "../versions.ts";

/** @throws {InstallError} `unfinished` */
export function expectInstalled({ disk, copies }: NodeRun): void {
  refuseEarlierLayout({ disk });
  const version = currentVersion(disk);
  if (version === undefined) throw notInstalled();
  if (!copies.isThere)
    throw new InstallError("unfinished", `${LIST} is missing: install again, or run ocir-broker node remove`);
  if (!copies.isInstalled() || !areOurFilesOf({ disk }, version))
    throw new InstallError(
      "unfinished",
      "an installation or a removal has not ended: install again, or run ocir-broker node remove",
    );
}

export function notInstalled(): InstallError {
  return new InstallError(
    "unfinished",
    "ocir-broker is not installed on this node: run install.sh of the archive, or, with a package, ocir-broker node install",
  );
}

/** The layout of versions before 0.1.0, which only their own program can remove. @throws {InstallError} `install` */
export function refuseEarlierLayout({ disk }: Pick<NodeRun, "disk">): void {
  const program = `${FOLDER}/${PROGRAM_NAME}`;
  if (!disk.isThere(program)) return;
  throw new InstallError(
    "install",
    `nothing is changed: an unreleased version is in ${FOLDER}; run before: ${program} node remove`,
  );
}
