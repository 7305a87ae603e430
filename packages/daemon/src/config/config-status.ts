/**
 * Reports which part of the configuration file is in force, its errors, keys that need a restart, and whether it has changed since.
 *
 * The health socket shows this, so it contains no value and no unknown key of the file.
 */
import { statSync } from "node:fs";
import type { ConfigError } from "@ocir-broker/config/config-error";
import type { ConfigFound } from "@ocir-broker/config/config-in-force";
import type { FileProblem } from "@ocir-broker/config/file-access";
import type { LoadedConfig } from "@ocir-broker/config/load";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import type { ConfigDetails, ConfigInForce } from "@ocir-broker/protocol/health";

export type ConfigStatus = ReturnType<typeof createConfigStatus>;

/** A file that is not a configuration may have an error on each line. */
const MAX_PLACES = 10;

export function createConfigStatus(path: string, started: Omit<ConfigFound, "config">) {
  /** Compared only with itself, so the clock does not matter. Undefined if there is no file. */
  const changedAtMs = () => resultIfAny(() => statSync(path).ctimeMs);
  let readAtMs: number | undefined;
  const detailsOf = (
    inForce: ConfigInForce,
    configError: ConfigError | undefined,
    needRestart: readonly string[],
    problem?: FileProblem,
  ): ConfigDetails => {
    readAtMs = changedAtMs();
    const errorPlaces = (configError?.places ?? []).slice(0, MAX_PLACES);
    const warning = problem === undefined ? null : `${problem.what}; ${problem.fix}`;
    return { path, inForce, error: configError?.code ?? null, errorPlaces, needRestart, changed: false, warning };
  };
  let details = detailsOf(started.inForce, started.configError, [], started.warning);

  return {
    /** The same object until a reload, or a change of the file. */
    details(): ConfigDetails {
      const changed = changedAtMs() !== readAtMs;
      if (changed !== details.changed) details = { ...details, changed };
      return details;
    },
    /** For systemd's status line; undefined if the whole file is in force. */
    note(): string | undefined {
      const { inForce, error, needRestart } = details;
      if (error !== null && inForce === "nothing") return "the configuration has errors, so every pull fails";
      if (error !== null) return "the configuration has errors; the last valid one stays in force";
      return needRestart.length === 0 ? undefined : `a restart is needed for ${needRestart.join(", ")}`;
    },
    reloaded({ inForce, warning }: LoadedConfig, needRestart: readonly string[]): void {
      details = detailsOf(inForce, undefined, needRestart, warning);
    },
    /** A reload found errors, so what is in force stays in force. */
    refused(error: ConfigError): void {
      details = detailsOf(details.inForce === "nothing" ? "nothing" : "before", error, details.needRestart);
    },
  };
}
