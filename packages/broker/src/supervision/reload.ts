/**
 * A reload (SIGHUP): reads the configuration again and takes over what a running daemon can. A configuration with
 * faults changes nothing; all of them are logged, and the status line says so until a reload works.
 */
import { BrokerError } from "../broker-error.ts";
import type { ConfigChanges } from "../config/changes.ts";
import { type Environment, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Log } from "../log.ts";

export interface ReloadOptions {
  /** As the daemon was started; undefined is the default file, which may be absent. */
  readonly path: string | undefined;
  readonly environment: Environment;
  /** What was wrong with the configuration that the daemon was started with. */
  readonly startFault: BrokerError | undefined;
  readonly takeOver: (config: Config) => ConfigChanges;
  readonly log: Log;
}

export interface Reload {
  run(): void;
  /** For the status line: what the start or the last reload left undone. */
  note(): string | undefined;
}

export function createReload({ path, environment, startFault, takeOver, log }: ReloadOptions): Reload {
  let note = startFault && "the configuration has faults, the rest of it and defaults are in force";

  function run(): void {
    try {
      const { live, atRestart } = takeOver(loadConfig({ path, environment }));
      log.info({ changed: live, needRestart: atRestart }, "configuration reloaded");
      note = atRestart.length === 0 ? undefined : `a restart is needed for ${atRestart.join(", ")}`;
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      log.error({ error }, "configuration not reloaded, the one before stays");
      note = "the configuration has faults, the one before is in force";
    }
  }

  return { run, note: () => note };
}
