/**
 * Reports which part of the configuration file is in force, where its errors are, and which keys need a restart.
 *
 * The health socket shows this, so it contains no value and no unknown key of the file.
 */
import type { LoadedConfig } from "@ocir-broker/credentials/config/load";
import type { ConfigError } from "@ocir-broker/credentials/errors/config-error";
import type { ConfigDetails, ConfigInForce } from "@ocir-broker/protocol/health";

export type ConfigStatus = ReturnType<typeof createConfigStatus>;

/** A file that is not a configuration may have an error on each line. */
const MAX_PLACES = 10;

const TEXTS: Readonly<Record<ConfigInForce, string>> = {
  all: "the configuration has errors",
  "valid-part": "the configuration has errors; its valid part and the defaults are in force",
  before: "the configuration has errors; the previous one stays in force",
  defaults: "the configuration has errors; the defaults are in force",
};

export function createConfigStatus(
  path: string,
  started: { readonly inForce: ConfigInForce; readonly configError: ConfigError | undefined },
) {
  const detailsOf = (
    inForce: ConfigInForce,
    configError: ConfigError | undefined,
    needRestart: readonly string[],
  ): ConfigDetails => ({
    path,
    inForce,
    error: configError?.code ?? null,
    errorPlaces: (configError?.places ?? []).slice(0, MAX_PLACES),
    needRestart,
  });
  let details = detailsOf(started.inForce, started.configError, []);

  return {
    /** The same object until a reload. */
    details: () => details,
    /** For systemd's status line; undefined if the whole file is in force. */
    note(): string | undefined {
      const { inForce, error, needRestart } = details;
      if (error !== null) return TEXTS[inForce];
      return needRestart.length === 0 ? undefined : `a restart is needed for ${needRestart.join(", ")}`;
    },
    reloaded(inForce: LoadedConfig["inForce"], needRestart: readonly string[]): void {
      details = detailsOf(inForce, undefined, needRestart);
    },
    /** A reload found errors, so the previous configuration stays in force. */
    refused(error: ConfigError): void {
      details = detailsOf("before", error, details.needRestart);
    },
  };
}
