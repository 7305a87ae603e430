/**
 * How the daemon's configuration is: what of the file is in force, where its faults are, and which keys need a restart.
 *
 * For anyone on the node to read, so no value and no unknown key of the file is in it.
 */
import type { ConfigError } from "./config-error.ts";
import type { ConfigInForce } from "./lenient.ts";
import { DEFAULT_CONFIG_PATH } from "./load.ts";

export interface ConfigDetails {
  readonly path: string;
  readonly inForce: ConfigInForce;
  /** The code of what is wrong with the file; null if nothing is. */
  readonly error: ConfigError["code"] | null;
  /** Such as `line 3: proxy.https`; the first ones only. */
  readonly faultyPlaces: readonly string[];
  /** Keys that have changed since the start, and need a restart. */
  readonly needRestart: readonly string[];
}

export interface ConfigStatus {
  details(): ConfigDetails;
  /** For the status line of systemd; undefined if all of the file is in force. */
  note(): string | undefined;
  reloaded(needRestart: readonly string[]): void;
  /** A reload found faults: the configuration before stays. */
  refused(fault: ConfigError): void;
}

/** A file of another kind has a fault on each of its lines. */
const MAX_PLACES = 10;

const TEXTS: Readonly<Record<ConfigInForce, string>> = {
  all: "the configuration has faults",
  "valid-part": "the configuration has faults; its valid part and the defaults are in force",
  before: "the configuration has faults; the previous one stays in force",
  defaults: "the configuration has faults, the defaults are in force",
};

export function createConfigStatus(
  path: string | undefined,
  started: { readonly inForce: ConfigInForce; readonly fault: ConfigError | undefined },
): ConfigStatus {
  let { inForce, fault } = started;
  let needRestart: readonly string[] = [];

  return {
    details: () => ({
      path: path ?? DEFAULT_CONFIG_PATH,
      inForce,
      error: fault?.code ?? null,
      faultyPlaces: (fault?.places ?? []).slice(0, MAX_PLACES),
      needRestart,
    }),
    note() {
      if (fault !== undefined) return TEXTS[inForce];
      return needRestart.length === 0 ? undefined : `a restart is needed for ${needRestart.join(", ")}`;
    },
    reloaded(keys) {
      [inForce, fault, needRestart] = ["all", undefined, keys];
    },
    refused(error) {
      [inForce, fault] = ["before", error];
    },
  };
}
