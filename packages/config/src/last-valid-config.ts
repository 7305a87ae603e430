/**
 * Keeps the last valid configuration on the disk, with all defaults and the environment's values, for a start with an invalid file.
 * The daemon alone writes and reads it: its group may write the folder, so root's programs never read it.
 */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { readRegularFile } from "@ocir-broker/foundation/regular-file";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import type { ConfigFound } from "./config-in-force.ts";
import { type Config, configSchema } from "./schema.ts";

/** Another number whenever a key changes its meaning: a daemon must not read what another version meant by it. */
export const LAST_VALID_FILE = "config-1.json";

/** The next process may run as another user of the same group, because the daemon's user is dynamic. */
const MODE = 0o640;

export interface LastValidConfig {
  /** Undefined if there is none that this version accepts. */
  read(): Config | undefined;
  /** Keeps the configuration if it is of a valid file; removes the kept one if there is no file. */
  update(found: Pick<ConfigFound, "config" | "inForce">): void;
}

/**
 * @param folder from the unit; without it, nothing is kept.
 * @param onFailed gets the code of an error.
 */
export function createLastValidConfig(folder: string | undefined, onFailed: (code: string) => void): LastValidConfig {
  if (!folder) return { read: () => undefined, update() {} };
  const path = join(folder, LAST_VALID_FILE);
  const next = `${path}.new`;
  const readText = () => resultIfAny(() => readRegularFile(path).toString());

  function write(text: string): void {
    if (readText() === text) return;
    // A killed process may have left one.
    rmSync(next, { force: true });
    writeFileSync(next, text, { flag: "wx", mode: MODE, flush: true });
    renameSync(next, path);
  }

  return {
    read: () => resultIfAny(() => configSchema.parse(JSON.parse(readText() ?? ""))),
    update({ config, inForce }) {
      try {
        if (inForce === "all") write(JSON.stringify(config));
        else if (inForce === "defaults") rmSync(path, { force: true });
      } catch (error) {
        onFailed(codeOf(error));
      }
    },
  };
}
