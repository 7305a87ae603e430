/** What doctor needs to know of the broker's configuration, and what else it is told. The command line fills it in. */
import type { Clock, ProxySettings, Random } from "@ocir-broker/foundation";
import type { Network } from "./node/network.ts";
import type { RunProgram } from "./node/program-run.ts";

export interface DoctorSettings {
  readonly credentialsSocket: string;
  readonly healthSocket: string;
  /** All are asked; on a real node one for IPv4 and one for IPv6. */
  readonly metadataBaseUrls: readonly URL[];
  /** Instead of the region's own. */
  readonly authUrl?: URL | undefined;
  /** Registry hosts that the configuration names in any place: they get tokens besides Oracle's own names. */
  readonly extraHosts: readonly string[];
  /** Registry host to base URL, where it is not the host itself. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly proxy: ProxySettings;
  /** PEM. */
  readonly caCertificates: readonly string[];
}

export interface DoctorOptions {
  readonly settings: DoctorSettings;
  /** Where the configuration was read from, in words. */
  readonly configSource: string;
  /** Why the configuration cannot be used, without its values; the settings are then what is valid of it. */
  readonly configFault?: string | undefined;
  readonly image?: string | undefined;
  /** This release, to compare daemon and plugin with. */
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Where the node's files begin. Default: `/`. */
  readonly root?: string;
  /** Whose the sockets must be. Default: root's, 0. */
  readonly ownerId?: number;
  /** Every check has ended by then, in milliseconds. Default: 8.5 s. */
  readonly limitMs?: number;
  readonly network?: Network;
  readonly runProgram?: RunProgram;
}
