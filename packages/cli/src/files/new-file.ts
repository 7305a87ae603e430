/** Files that a command makes for its user: never one that is there already, never through a link, and for nobody else to read. */
import { lstatSync, writeFileSync } from "node:fs";

const MODE = 0o600;

/** @throws {Error} one line with a code, if something has the name already, a link that leads nowhere included. */
export function refuseExisting(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw existing(path);
}

/** @throws {Error} as {@link refuseExisting}, and what node:fs throws. */
export function writeNewFile(path: string, text: string): void {
  try {
    // Exclusive: the kernel refuses a link in the name's place as well.
    writeFileSync(path, text, { flag: "wx", mode: MODE });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "EEXIST" ? existing(path) : error;
  }
}

function existing(path: string): Error {
  return new Error(
    `file-exists: ${path} is there already and stays as it is; name a new file, in a folder of your own`,
  );
}
