/** Where the configuration in force comes from, in words for people. */
import { existsSync } from "node:fs";
import { DEFAULT_CONFIG_PATH } from "@ocir-broker/broker";

/** @param path what was given; without it the default's, which may be absent. */
export function configSource(path: string | undefined): string {
  return path === undefined && !existsSync(DEFAULT_CONFIG_PATH)
    ? `there is no ${DEFAULT_CONFIG_PATH}, so the defaults hold`
    : `read from ${path ?? DEFAULT_CONFIG_PATH}`;
}
