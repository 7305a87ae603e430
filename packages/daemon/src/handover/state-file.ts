/**
 * Stores bytes that outlive the process, in one file on a tmpfs that only this user and root can read. A write goes to another name
 * and is then renamed, so that a kill during a write leaves the previous file. A file is read once.
 *
 * Does not interpret the bytes. Throws errors of node:fs.
 */
import { readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** linux/magic.h. */
const TMPFS_MAGIC = 0x01021994;

export type StateFile = ReturnType<typeof createStateFile>;

/** @throws Error `state-on-disk` if the folder is not on a tmpfs, because the bytes are secrets and must not reach a disk. */
export function createStateFile(path: string) {
  if (statfsSync(dirname(path)).type !== TMPFS_MAGIC) {
    throw Object.assign(new Error("the state's folder is not on a tmpfs"), { code: "state-on-disk" });
  }
  const next = `${path}.new`;
  return {
    /** Reads the file and removes it, so that bytes that end their reader do so once. Undefined if there is none. */
    take(): Buffer | undefined {
      try {
        return readFileSync(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      } finally {
        rmSync(path, { recursive: true, force: true });
      }
    },

    write(payload: Buffer): void {
      // A killed process may have left one.
      rmSync(next, { recursive: true, force: true });
      try {
        writeFileSync(next, payload, { flag: "wx", mode: 0o600 });
        renameSync(next, path);
      } catch (error) {
        rmSync(next, { force: true });
        throw error;
      }
    },
  };
}
