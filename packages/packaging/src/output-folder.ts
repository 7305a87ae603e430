/**
 * The output folder of packages. Only a folder that this command has created, which has a marker, is ever emptied; a folder with
 * other content is refused. The previous release stays until the new one is complete.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Not in the SHA256SUMS, because it is not part of a release. */
export const MARKER = ".made-by-npm-run-package";

/** In the output folder, so that each file can be renamed. */
const UNFINISHED = ".unfinished";

/**
 * Creates the folder if it is missing.
 * @throws {Error} if it has contents and no marker; nothing is changed then.
 */
export function prepareOutputFolder(folder: string) {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  if (names.length > 0 && !names.includes(MARKER)) {
    throw new Error(
      `${folder} is not empty, and npm run package did not make it: name a new folder, or empty it yourself`,
    );
  }
  const unfinished = join(folder, UNFINISHED);
  mkdirSync(folder, { recursive: true });
  // First, so that the next run may empty the folder of an interrupted one.
  writeFileSync(join(folder, MARKER), "What is in this folder is deleted by the next npm run package into it.\n");
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished);
  return {
    /** An empty folder for the new files. */
    unfinished,
    /** Replaces the files of the previous run. */
    finish(): void {
      const kept = [MARKER, UNFINISHED];
      for (const name of readdirSync(folder)) if (!kept.includes(name)) rmSync(join(folder, name), { recursive: true });
      for (const name of readdirSync(unfinished)) renameSync(join(unfinished, name), join(folder, name));
      rmdirSync(unfinished);
    },
  };
}
