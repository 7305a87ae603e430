/**
 * Which configuration is in force: a valid file, as a whole. An invalid or unreadable one changes nothing: the last valid
 * configuration stays in force, and where none is known, nothing is. Why: docs/decisions/0037-the-last-valid-configuration.md.
 */
import type { ConfigInForce } from "@ocir-broker/protocol/health";
import { ConfigError } from "./config-error.ts";
import type { FileProblem } from "./file-access.ts";
import { type ConfigSource, loadConfig } from "./load.ts";
import { type Config, configSchema } from "./schema.ts";

export interface ConfigFound {
  readonly config: Config;
  readonly inForce: ConfigInForce;
  /** Undefined if the whole file is valid. */
  readonly configError: ConfigError | undefined;
  /** A password in the file that others can read. */
  readonly warning: FileProblem | undefined;
}

/**
 * Never throws because of the file.
 *
 * @param readLastValid only the daemon passes it.
 */
export function findConfig(
  source: ConfigSource,
  readLastValid: () => Config | undefined = () => undefined,
): ConfigFound {
  try {
    return { ...loadConfig(source), configError: undefined };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const last = readLastValid();
    return {
      config: last ?? withoutIdentity(source),
      inForce: last === undefined ? "nothing" : "before",
      configError: error,
      warning: undefined,
    };
  }
}

/** Names the sockets, the log's level and time limits. Nothing else of it is used, because nobody gets credentials. */
function withoutIdentity({ defaults }: ConfigSource): Config {
  const identity = { provider: "none" };
  // The defaults, which variables name, may be what is invalid.
  return configSchema.safeParse({ ...defaults, identity }).data ?? configSchema.parse({ identity });
}
