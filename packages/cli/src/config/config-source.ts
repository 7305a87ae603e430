/** Where a command reads the configuration from: its option, and the source in words for people. */
import { existsSync } from "node:fs";
import { DEFAULT_CONFIG_PATH } from "@ocir-broker/broker";

export const CONFIG_OPTION = [
  "--config <file>",
  `configuration file (default: ${DEFAULT_CONFIG_PATH}, which may be absent)`,
] as const;

/** @param path the path given; without it the default path, which may be absent. */
export function configSource(path: string | undefined): string {
  return path === undefined && !existsSync(DEFAULT_CONFIG_PATH)
    ? `there is no ${DEFAULT_CONFIG_PATH}, so the defaults are in force`
    : `read from ${path ?? DEFAULT_CONFIG_PATH}`;
}
