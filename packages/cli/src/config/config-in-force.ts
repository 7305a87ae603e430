/** The configuration for commands that can do without a valid one, since they only need the sockets. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { findConfig } from "@ocir-broker/config/config-in-force";
import type { ConfigSource } from "@ocir-broker/config/load";
import type { Config } from "@ocir-broker/config/schema";
import { CREDENTIALS_SOCKET, HEALTH_SOCKET } from "@ocir-broker/protocol/contract";
import { brokerErrorLine } from "../failure.ts";

/**
 * With socket activation, the daemon ignores `sockets`: if nothing is at a configured path, the units' sockets count.
 *
 * @param root the folder with the node's files.
 */
export function withUnitSockets(config: Config, root = "/"): Config {
  const isThere = (path: string) => existsSync(join(root, path));
  const placeOf = (path: string, ofUnit: string) => (!isThere(path) && isThere(ofUnit) ? ofUnit : path);
  const { credentials, health } = config.sockets;
  const sockets = { credentials: placeOf(credentials, CREDENTIALS_SOCKET), health: placeOf(health, HEALTH_SOCKET) };
  return { ...config, sockets };
}

/**
 * Reports errors on standard error and goes on with the default sockets, because the daemon runs.
 *
 * @throws {BrokerError} `config-unreadable` for a file that the caller named, which is more likely a wrong path.
 */
export function configInForce(source: ConfigSource): Config {
  const { config, configError } = findConfig(source);
  if (configError?.code === "config-unreadable" && source.path !== undefined) throw configError;
  if (configError !== undefined) process.stderr.write(`ocir-broker: ${brokerErrorLine(configError)}\n`);
  return config;
}
