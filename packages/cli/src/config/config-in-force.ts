/** The configuration in force, loaded as the daemon loads it: the valid part of the file, and defaults for the rest. */
import { loadLenientConfig } from "@ocir-broker/credentials/config/lenient";
import type { Config } from "@ocir-broker/credentials/config/schema";
import { brokerErrorLine } from "../broker-error-line.ts";
import { type ConfigOptions, sourceOf } from "./config-source.ts";

/**
 * Reports errors on standard error and goes on, because the daemon does.
 *
 * @throws {BrokerError} `config-unreadable` for a file that the caller named, which is more likely a wrong path.
 */
export function configInForce(options: ConfigOptions): Config {
  const { config, configError } = loadLenientConfig(sourceOf(options));
  if (configError?.code === "config-unreadable" && options.config !== undefined) throw configError;
  if (configError !== undefined) process.stderr.write(`ocir-broker: ${brokerErrorLine(configError)}\n`);
  return config;
}
