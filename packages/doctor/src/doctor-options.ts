/** The input of doctor, filled in by the command line. */
import type { Config } from "@ocir-broker/config/schema";
import type { Random } from "@ocir-broker/foundation/random";
import type { Secret } from "@ocir-broker/foundation/secret";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { RunProgram } from "@ocir-broker/node/program-run";

export interface DoctorOptions {
  /** As the daemon loads it. */
  readonly config: Config;
  /** The daemon's, if it runs; for the system's certificates (SSL_CERT_FILE). */
  readonly environment: NodeJS.ProcessEnv;
  readonly configPath: string;
  /** In words, where the configuration was read from. */
  readonly configSource: string;
  /** Why the configuration is invalid, without its values; `config` then has no identity. */
  readonly configError?: string | undefined;
  /** What mends a configuration that cannot be used although its text may be valid. */
  readonly configFix?: string | undefined;
  /** A password in the configuration that others can read, and the command that hides it. */
  readonly configWarning?: { readonly what: string; readonly fix: string } | undefined;
  readonly image?: string | undefined;
  /** A pod's, from `parseServiceAccountToken`: doctor then examines the pull of its service account. */
  readonly serviceAccountToken?: Secret | undefined;
  /** False: only identity and registry are examined, as on a laptop without kubelet and daemon. */
  readonly isNode: boolean;
  /** This release, to compare daemon and plugin with. */
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  /** The folder with the node's files. */
  readonly root: string;
  /** The user who must own the sockets: root, 0, unless the root is a test's. */
  readonly ownerId: number;
  /** For all checks together. Default: 8.5 s, or longer than the daemon may take. */
  readonly limitMs?: number;
  readonly runProgram?: RunProgram;
}
