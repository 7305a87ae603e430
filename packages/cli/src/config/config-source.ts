/** Where a command reads the configuration from: its option, and the source in words for people. */
import { existsSync } from "node:fs";
import { type ConfigSource, DEFAULT_CONFIG_PATH } from "@ocir-broker/credentials/config/load";
import { environment } from "../process/environment.ts";
import { personalSource } from "./personal-config.ts";

export const CONFIG_OPTION = [
  "--config <file>",
  `configuration file (default: ${DEFAULT_CONFIG_PATH}, which may be absent)`,
] as const;

export const USER_OPTION = [
  "--user",
  "one user's broker: ~/.config/ocir-broker/config.yaml, sockets below XDG_RUNTIME_DIR, the identity of Oracle's command line",
] as const;

export interface ConfigOptions {
  readonly config?: string;
  readonly user?: true;
}

export function sourceOf({ config: path, user }: ConfigOptions): ConfigSource {
  return user ? personalSource(path, environment) : { path, environment };
}

/** @param path the path given; without it the default path, which may be absent. */
export function configSource(path: string | undefined): string {
  return path === undefined && !existsSync(DEFAULT_CONFIG_PATH)
    ? `there is no ${DEFAULT_CONFIG_PATH}, so the defaults are in force`
    : `read from ${path ?? DEFAULT_CONFIG_PATH}`;
}
