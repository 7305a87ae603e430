/**
 * Where a command reads the configuration from: the node's file, or that of one user's broker on a laptop or in a CI job. There
 * the file is optional, the sockets are below XDG_RUNTIME_DIR, and the identity is the one that Oracle's command line would use.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type ConfigSource, DEFAULT_CONFIG_PATH, pathOf } from "@ocir-broker/config/load";
import {
  hasIdentity,
  IDENTITY_PROVIDER_NAMES,
  identityProviderOfCliAuth,
  UNKNOWN_CLI_AUTH,
} from "@ocir-broker/identity/identity-providers";
import { Option } from "commander";
import { environment } from "../process/environment.ts";

/** The command line's own default. */
const DEFAULT_AUTH = "api_key";

export const CONFIG_OPTION = [
  "--config <file>",
  `configuration file (default: ${DEFAULT_CONFIG_PATH}, which may be absent)`,
] as const;

export const USER_OPTION = [
  "--user",
  "one user's broker: ~/.config/ocir-broker/config.yaml, sockets below XDG_RUNTIME_DIR, the identity of Oracle's command line",
] as const;

export function identityOption(description: string): Option {
  return new Option("--identity <provider>", description).choices(IDENTITY_PROVIDER_NAMES.filter(hasIdentity));
}

export interface ConfigOptions {
  readonly config?: string;
  readonly user?: true;
}

export function sourceOf({ config: path, user }: ConfigOptions): ConfigSource {
  return user ? personalSource(path) : { path, environment };
}

/** Says where a valid configuration comes from. */
export function describeSource(source: ConfigSource): string {
  const path = pathOf(source);
  return source.path === undefined && !existsSync(path)
    ? `${path} does not exist, so the defaults are in force`
    : `read from ${path}`;
}

/** @param path the file given; without it `~/.config/ocir-broker/config.yaml`, which may be absent. @param identity replaces OCI_CLI_AUTH. */
export function personalSource(path?: string, identity?: string): ConfigSource {
  const { HOME = "/", XDG_CONFIG_HOME, XDG_RUNTIME_DIR } = environment;
  const runtime = XDG_RUNTIME_DIR ? join(XDG_RUNTIME_DIR, "ocir-broker") : undefined;
  return {
    path,
    environment,
    defaultPath: join(XDG_CONFIG_HOME || join(HOME, ".config"), "ocir-broker/config.yaml"),
    defaults: {
      ...(identity === undefined
        ? identityOf(environment["OCI_CLI_AUTH"] || DEFAULT_AUTH)
        : { identity: { provider: identity } }),
      // It gives the user's own token, and CRI-O never asks it.
      serviceAccounts: { rootHelper: "node" },
      ...(runtime === undefined
        ? {}
        : {
            sockets: { credentials: join(runtime, "credentials.sock"), health: join(runtime, "health.sock") },
            metrics: { textfile: join(runtime, "ocir_broker.prom") },
          }),
    },
  };
}

export function isRoot(): boolean {
  return (process.geteuid?.() ?? 0) === 0;
}

/**
 * For a request of whoever runs the command. Root uses the node's file and identity, which OCI_CLI_AUTH replaces, as in a container of a
 * CI job.
 */
export function callersSource({ config: path, user }: ConfigOptions = {}): ConfigSource {
  if (user || !isRoot()) return personalSource(path);
  const { OCI_CLI_AUTH } = environment;
  return { path, environment, ...(OCI_CLI_AUTH ? { defaults: identityOf(OCI_CLI_AUTH) } : {}) };
}

/** An unknown value is an error of identity.provider. */
function identityOf(auth: string) {
  return { identity: { provider: identityProviderOfCliAuth(auth) ?? `${UNKNOWN_CLI_AUTH}${auth}` } };
}
