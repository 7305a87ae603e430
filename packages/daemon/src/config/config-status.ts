/**
 * Reports which part of the configuration file is in force, its errors, keys that need a restart, and whether it has changed since.
 *
 * The health socket shows this, so it contains no value and no unknown key of the file.
 */
import { statSync } from "node:fs";
import type { ConfigError } from "@ocir-broker/config/config-error";
import type { FileProblem } from "@ocir-broker/config/file-access";
import type { LenientConfig } from "@ocir-broker/config/lenient";
import type { LoadedConfig } from "@ocir-broker/config/load";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
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

export function createConfigStatus(path: string, started: Pick<LenientConfig, "inForce" | "configError" | "warning">) {
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
      if (error !== null) return TEXTS[inForce];
      return needRestart.length === 0 ? undefined : `a restart is needed for ${needRestart.join(", ")}`;
    },
    reloaded({ inForce, warning }: LoadedConfig, needRestart: readonly string[]): void {
      details = detailsOf(inForce, undefined, needRestart, warning);
    },
    /** A reload found errors, so the previous configuration stays in force. */
    refused(error: ConfigError): void {
      details = detailsOf("before", error, details.needRestart);
    },
  };
}
