/** The health socket's responses: /healthz has a summary, /status has details. No secret; of images, only repositories that are denied. */

export interface LifeSummary {
  readonly ageSeconds: number;
  readonly expiresInSeconds: number;
}

export interface HealthSummary {
  readonly status: HealthStatus;
  readonly version: string;
  readonly uptimeSeconds: number;
  /** The identity provider in use. */
  readonly identity: string;
  readonly region: string | null;
  readonly session: LifeSummary | null;
  readonly registries: Readonly<Record<string, LifeSummary | null>>;
}

export interface FetchDetails extends Partial<LifeSummary> {
  readonly state: "fresh" | "stale" | "empty" | "fetching" | "backing-off";
  readonly kept: boolean;
  readonly nextFetchInSeconds: number | null;
  readonly lastSuccessSecondsAgo: number | null;
  readonly lastFailureSecondsAgo: number | null;
  readonly lastFailure: string | null;
  readonly failuresInARow: number;
  readonly hits: number;
  readonly fetches: number;
  readonly failures: number;
  readonly waiting: number;
}

export interface HealthDetails extends Omit<HealthSummary, "session" | "registries"> {
  /** Null if the daemon was started without it. */
  readonly config: ConfigDetails | null;
  readonly startedAt: string;
  /** The code with which the last write of a file failed; null if it did not. */
  readonly unwritten: { readonly metrics: string | null; readonly state: string | null };
  readonly session: FetchDetails | null;
  readonly registries: Readonly<Record<string, FetchDetails>>;
  /** How many service accounts have a session; null if they are off. */
  readonly serviceAccounts: number | null;
  /** Of those whose last pull or renewal has failed, the latest failure last. A renewal has no account's name. */
  readonly serviceAccountFailures: readonly {
    readonly account: string | null;
    readonly code: string;
    readonly secondsAgo: number;
  }[];
  /** Repositories that the node's token may not read, the latest request last. A daemon of an earlier release sends none. */
  readonly denied?: readonly { readonly repository: string; readonly secondsAgo: number }[];
}

/** ok: everything works. degraded: tokens are or were served, but something fails. starting: no token yet. */
export type HealthStatus = "ok" | "degraded" | "starting";

export interface ConfigDetails {
  readonly path: string;
  readonly inForce: ConfigInForce;
  /** The code of the file's error; null without one. */
  readonly error: "config-invalid" | "config-unreadable" | null;
  /** Such as `line 3: proxy.https`; only the first ones. */
  readonly errorPlaces: readonly string[];
  /** Keys that have changed since the start and need a restart. */
  readonly needRestart: readonly string[];
  /** Whether the file has changed since it was read. A daemon of an earlier release sends none. */
  readonly changed?: boolean;
  /** A password that others can read, and the command that hides it. A daemon of an earlier release sends none. */
  readonly warning?: string | null;
}

/**
 * The configuration in force: `all` of the file, or without a file the `defaults`. If the file is invalid or cannot be read, the last
 * valid one, from `before`; without one, `nothing`: each call then fails with the file's error.
 */
export type ConfigInForce = "all" | "before" | "defaults" | "nothing";
