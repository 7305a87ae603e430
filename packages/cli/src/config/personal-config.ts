/**
 * The configuration of one user's broker: a laptop or a CI job instead of a node. The file is optional, the sockets are below
 * XDG_RUNTIME_DIR, and the identity is the one that Oracle's command line would use.
 */
import { join } from "node:path";
import type { ConfigSource } from "@ocir-broker/credentials/config/load";
import { identityProviderOfCliAuth } from "@ocir-broker/identity/identity-providers";
import type { Environment } from "../process/environment.ts";

/** The command line's own default. */
const DEFAULT_AUTH = "api_key";

/** @param path the file given; without it `~/.config/ocir-broker/config.yaml`, which may be absent. */
export function personalSource(path: string | undefined, environment: Environment): ConfigSource {
  const { HOME = "/", XDG_CONFIG_HOME, XDG_RUNTIME_DIR } = environment;
  const runtime = XDG_RUNTIME_DIR ? join(XDG_RUNTIME_DIR, "ocir-broker") : undefined;
  return {
    path,
    environment,
    defaultPath: join(XDG_CONFIG_HOME || join(HOME, ".config"), "ocir-broker/config.yaml"),
    defaults: {
      ...identityOf(environment["OCI_CLI_AUTH"] || DEFAULT_AUTH),
      ...(runtime === undefined
        ? {}
        : {
            sockets: { credentials: join(runtime, "credentials.sock"), health: join(runtime, "health.sock") },
            metrics: { textfile: join(runtime, "ocir_broker.prom") },
          }),
    },
  };
}

/** Root's: the node's file and identity, which OCI_CLI_AUTH replaces, as in a container of a CI job. */
function rootSource(environment: Environment): ConfigSource {
  const { OCI_CLI_AUTH } = environment;
  return { environment, ...(OCI_CLI_AUTH ? { defaults: identityOf(OCI_CLI_AUTH) } : {}) };
}

/** The configuration for a request without a daemon. */
export function callersSource(environment: Environment, userId: number): ConfigSource {
  return userId === 0 ? rootSource(environment) : personalSource(undefined, environment);
}

/** An unknown value is an error of identity.provider. */
function identityOf(auth: string) {
  return { identity: { provider: identityProviderOfCliAuth(auth) ?? auth } };
}
