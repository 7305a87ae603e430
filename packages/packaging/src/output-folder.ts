/**
 * The output folder of packages. Only a folder that this command has created, which has a marker, is ever emptied; a folder with
 * other content is refused.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Not in the SHA256SUMS, because it is not part of a release. */
export const MARKER = ".made-by-npm-run-package";

/**
 * Creates the folder, or empties it.
 * @throws {Error} if it has contents and no marker; nothing is changed then.
 */
export function prepareOutputFolder(folder: string): void {
  const names = namesIn(folder);
  if (names.length > 0 && !names.includes(MARKER)) {
    throw new Error(
      `${folder} is not empty, and npm run package did not make it: name a new folder, or empty it yourself`,
    );
  }
  mkdirSync(folder, { recursive: true });
  // First, so that the next run may empty the folder of an interrupted one.
  writeFileSync(join(folder, MARKER), "What is in this folder is deleted by the next npm run package into it.\n");
  for (const name of names) if (name !== MARKER) rmSync(join(folder, name), { recursive: true });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
