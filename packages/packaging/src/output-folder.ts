/** The output folder of packages. The previous release stays until the new one is complete. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";

/**
 * @param isDefault whether its content is this command's own; any other folder must be new or empty.
 * @throws {Error} if it has contents; nothing is changed then.
 */
export function prepareOutputFolder(folder: string, isDefault: boolean) {
  if (!isDefault && existsSync(folder) && readdirSync(folder).length > 0)
    throw new Error(`${folder} is not empty: name a new folder, or empty it yourself`);
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  return {
    /** An empty folder for the new files. */
    unfinished,
    /** Puts it in the folder's place. */
    finish(): void {
      rmSync(folder, { recursive: true, force: true });
      renameSync(unfinished, folder);
    },
  };
}
