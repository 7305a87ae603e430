/**
 * Reloads the configuration (SIGHUP): reads it again and applies the live keys. A configuration with faults changes nothing;
 * the faults are logged, and the status line reports them until a reload succeeds.
 */

import { ConfigError } from "../config/config-error.ts";
import type { ConfigStatus } from "../config/config-status.ts";
import type { ConfigChanges } from "../config/diff.ts";
import { type ConfigSource, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Log } from "../telemetry/log.ts";

export interface ReloadOptions {
  /** As at the start. */
  readonly source: ConfigSource;
  readonly status: Pick<ConfigStatus, "reloaded" | "refused">;
  readonly applyConfig: (config: Config) => ConfigChanges;
  readonly log: Log;
}

export function createReload({ source, status, applyConfig, log }: ReloadOptions): () => void {
  return () => {
    try {
      const { live, atRestart } = applyConfig(loadConfig(source));
      log.info({ changed: live, needRestart: atRestart }, "configuration reloaded");
      status.reloaded(atRestart);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      log.error({ error }, "configuration not reloaded; the previous one stays in force");
      status.refused(error);
    }
  };
}
