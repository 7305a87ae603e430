/** The names of ocir-broker's files on a node. Its own are in one folder; the names in /usr/local, which others rely on, are links. */
import { dirname } from "node:path";
import {
  BROKER_PROGRAM,
  DOCKER_CREDENTIAL_NAME,
  INSTALLED_PROGRAM,
  PLUGIN_NAME,
  SERVICE_ACCOUNT_PLUGIN_NAME,
} from "@ocir-broker/protocol/contract";

/** The link to the version that is in use. */
export const CURRENT = dirname(INSTALLED_PROGRAM);
export const FOLDER = dirname(CURRENT);
/** The name of a package's version. */
export const PACKAGE = "package";
export const PROGRAM_NAME = "ocir-broker";
export const SHIM = `${CURRENT}/${PLUGIN_NAME}`;

/** The copies of what is not ours, a list of them, and the configuration of the node's pool. Readable by root only. */
export const STATE_FOLDER = "/var/lib/ocir-broker";
export const CONFIG_FOLDER = "/etc/ocir-broker";
/** For node-exporter. */
export const METRICS_FOLDER = "/run/ocir-broker-metrics";
/** Made by systemd, for the daemon. A removal deletes them. */
export const DAEMON_FOLDERS = [
  "/run/ocir-broker",
  METRICS_FOLDER,
  // With DynamicUser=, a folder is in `private`, and a link leads to it.
  "/run/ocir-broker-state",
  "/run/private/ocir-broker-state",
  // The last valid configuration.
  "/var/lib/ocir-broker-config",
] as const;

const BIN = dirname(BROKER_PROGRAM);

/** Links to the programs that the units and people use, and their targets. */
export const COMMAND_LINKS = {
  "/usr/local/libexec/ocir-broker-launch": `${CURRENT}/ocir-broker-launch`,
  [`${BIN}/${DOCKER_CREDENTIAL_NAME}`]: `${CURRENT}/${DOCKER_CREDENTIAL_NAME}`,
  [BROKER_PROGRAM]: INSTALLED_PROGRAM,
} as const;

/** The names that kubelets use. Our own link comes last in an installation and first in a removal. */
export const PLUGIN_LINKS = {
  [`${BIN}/${SERVICE_ACCOUNT_PLUGIN_NAME}`]: SHIM,
  [`${BIN}/${PLUGIN_NAME}`]: SHIM,
} as const;

export const PLUGIN = `${BIN}/${PLUGIN_NAME}`;

/** Whether a state is that of one of our links. */
export function isOurLink(state: string | undefined): boolean {
  return state?.startsWith(`link:${FOLDER}/`) === true;
}
