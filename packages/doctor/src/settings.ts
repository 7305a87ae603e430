/** Doctor's input: the part of the broker's configuration that it needs, and its own options. The command line fills both in. */
import type { Clock, ProxySettings, Random } from "@ocir-broker/foundation";
import type { Network } from "./node/network.ts";
import type { RunProgram } from "./node/program-run.ts";

export interface DoctorSettings {
  readonly credentialsSocket: string;
  readonly healthSocket: string;
  /** All are asked; a real node has one for IPv4 and one for IPv6. */
  readonly metadataBaseUrls: readonly URL[];
  /** Replaces the region's own. */
  readonly authUrl?: URL | undefined;
  /** Registry hosts that any key of the configuration names; they get tokens like Oracle's own names. */
  readonly extraHosts: readonly string[];
  /** Registry host to base URL, if that is not the host itself. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly proxy: ProxySettings;
  /** PEM. */
  readonly caCertificates: readonly string[];
}

export interface DoctorOptions {
  readonly settings: DoctorSettings;
  /** In words, where the configuration was read from. */
  readonly configSource: string;
  /** Why the configuration is invalid, without its values; the settings then hold its valid part. */
  readonly configFault?: string | undefined;
  readonly image?: string | undefined;
  /** This release, to compare daemon and plugin with. */
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  /** The folder with the node's files. Default: `/`. */
  readonly root?: string;
  /** The user who must own the sockets. Default: root, 0. */
  readonly ownerId?: number;
  /** For all checks together. Default: 8.5 s. */
  readonly limitMs?: number;
  readonly network?: Network;
  readonly runProgram?: RunProgram;
}
