/** The names of ocir-broker's files on a node. The files are in /usr; the names in /usr/local, which others rely on, are links. */
import { dirname } from "node:path";
import {
  BROKER_PROGRAM,
  DOCKER_CREDENTIAL_NAME,
  INSTALLED_PROGRAM,
  PLUGIN_NAME,
  SERVICE_ACCOUNT_PLUGIN_NAME,
} from "@ocir-broker/protocol/contract";

export const PROGRAM = INSTALLED_PROGRAM;
export const LIBEXEC = dirname(PROGRAM);
export const SHIM = `${LIBEXEC}/${PLUGIN_NAME}`;
/** The list of an archive's files with their digests, by which they are recognised without a record. */
export const MANIFEST = `${LIBEXEC}/SHA256SUMS`;
export const DO_NOTHING_PROGRAM = `${LIBEXEC}/do-nothing-provider`;
/** Made by the first installation, without a record. */
export const CONFIG_FOLDER = "/etc/ocir-broker";
/** For node-exporter. */
export const METRICS_FOLDER = "/run/ocir-broker-metrics";
/** Made without a record too, also by systemd-tmpfiles. The last has the daemon's last valid configuration. */
export const RUNTIME_FOLDERS = [
  "/run/ocir-broker",
  METRICS_FOLDER,
  // A link, which systemd leaves when it removes the folder to which it leads.
  "/run/ocir-broker-state",
  "/var/lib/ocir-broker-config",
] as const;

/** Folders of ours alone. */
export const OWN_FOLDERS = ["/usr/share/doc/ocir-broker", LIBEXEC] as const;
/** Folders of others, in which our files have {@link OUR_NAME}. */
export const FOLDERS = [
  "/usr/lib/systemd/system",
  "/usr/lib/systemd/user",
  "/usr/lib/sysusers.d",
  "/usr/lib/tmpfiles.d",
] as const;
export const OUR_NAME = /^(?:ocir-broker|docker-credential-ocir)/;

const BIN = dirname(BROKER_PROGRAM);

/** Links to the programs that the units and people use, and their targets. */
export const COMMAND_LINKS = {
  "/usr/local/libexec/ocir-broker-launch": `${LIBEXEC}/ocir-broker-launch`,
  [BROKER_PROGRAM]: PROGRAM,
  [`${BIN}/${DOCKER_CREDENTIAL_NAME}`]: `${LIBEXEC}/${DOCKER_CREDENTIAL_NAME}`,
} as const;

/** The names that kubelets use. Our own link comes last in an installation and first in a removal. */
export const PLUGIN_LINKS = {
  [`${BIN}/${SERVICE_ACCOUNT_PLUGIN_NAME}`]: SHIM,
  [`${BIN}/${PLUGIN_NAME}`]: SHIM,
} as const;

export const PLUGIN = `${BIN}/${PLUGIN_NAME}`;
