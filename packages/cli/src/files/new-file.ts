/** Creates files for a command's user: never replaces a file, never follows a link, and lets no other user read them. */
import { lstatSync, writeFileSync } from "node:fs";
import { commandError } from "../command-errors.ts";

const MODE = 0o600;

/** @throws {Error} one line with a code, if the name exists, even as a dangling link. */
export function refuseExisting(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw existing(path);
}

/** @throws {Error} as {@link refuseExisting}, and any error of node:fs. */
export function writeNewFile(path: string, text: string): void {
  try {
    // Exclusive: the kernel also refuses a link at this path.
    writeFileSync(path, text, { flag: "wx", mode: MODE });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "EEXIST" ? existing(path) : error;
  }
}

function existing(path: string): Error {
  return commandError("file-exists", { place: path });
}
