/**
 * The broker's health, readable over the health socket, as a closed list of fields.
 *
 * It contains registry hosts, ages, counts and error codes; never an OCID, a repository, a token or text from upstream.
 */

import type { CacheEntry, RefreshAheadCache } from "@ocir-broker/expiring-cache";
import type { Clock } from "@ocir-broker/foundation";
import { hasIdentity, type ProviderName } from "@ocir-broker/identity";
import type { ConfigDetails } from "../config/config-status.ts";
import { codeOf } from "../errors/describe-error.ts";
import type { Readings, ServableTimes } from "./readings.ts";

/** ok: everything works. degraded: tokens are or were served, but something fails. starting: no token yet. */
type HealthStatus = "ok" | "degraded" | "starting";

interface LifeSummary {
  readonly ageSeconds: number;
  readonly expiresInSeconds: number;
}

interface HealthSummary {
  readonly status: HealthStatus;
  readonly version: string;
  readonly uptimeSeconds: number;
  /** The identity provider in use. */
  readonly identity: ProviderName;
  readonly region: string | null;
  readonly session: LifeSummary | null;
  readonly registries: Readonly<Record<string, LifeSummary | null>>;
}

interface FetchDetails extends Partial<LifeSummary> {
  readonly state: CacheEntry["state"];
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
  readonly session: FetchDetails | null;
  readonly registries: Readonly<Record<string, FetchDetails>>;
  /** How many service accounts have a session; null if they are off. */
  readonly serviceAccounts: number | null;
  /** The last failed fetch for any of them; others may have worked since. */
  readonly serviceAccountFailure: { readonly code: string; readonly secondsAgo: number } | null;
}

export interface Health extends Readings {
  /** Whether a credential can be served now; always true without an identity, because then nothing is fetched ahead. */
  isServing(): boolean;
  summary(): HealthSummary;
  details(): HealthDetails;
}

export interface HealthOptions {
  readonly clock: Clock;
  readonly version: string;
  readonly identity: ProviderName;
  readonly sessions: Pick<RefreshAheadCache<unknown>, "entries">;
  readonly tokens: Pick<RefreshAheadCache<unknown>, "entries">;
  readonly regionId: () => string | undefined;
  readonly configDetails?: (() => ConfigDetails) | undefined;
  readonly subjects: () => number | undefined;
  readonly lastWorkloadFailure: () => { readonly error: unknown; readonly atMs: number } | undefined;
  /** False if no host is pinned: tokens are then fetched on demand, so a session is enough to be ready. */
  readonly expectsToken: () => boolean;
}

export function createHealth(options: HealthOptions): Health {
  const { clock, sessions, tokens } = options;
  const isWithoutIdentity = !hasIdentity({ name: options.identity });
  const startedAtMs = clock.monotonicMs();
  const startedAtWallMs = clock.wallMs();
  let hasServed = false;

  function isServing(): boolean {
    const isServable =
      isWithoutIdentity ||
      tokens.entries().some(isServableNow) ||
      (!awaitsToken() && sessions.entries().some(isServableNow));
    hasServed ||= isServable;
    return isServable;
  }

  /** A failed prefetch counts only if callers wait for it; without callers, a session is enough to be ready. */
  function awaitsToken(): boolean {
    const entries = tokens.entries();
    if (entries.length === 0) return options.expectsToken();
    return entries.some(({ pinned, isAsked, failuresInARow }) => pinned && (isAsked || failuresInARow === 0));
  }

  function isServableNow(entry: CacheEntry): boolean {
    return entry.servableUntilMs !== undefined && clock.monotonicMs() < entry.servableUntilMs;
  }

  function status(): HealthStatus {
    if (!isServing()) return hasServed ? "degraded" : "starting";
    // Every fetch fails, as the configuration wants.
    if (isWithoutIdentity) return "ok";
    const entries = [...sessions.entries(), ...tokens.entries().filter(isOfInterest)];
    return entries.some(({ failuresInARow }) => failuresInARow > 0) ? "degraded" : "ok";
  }

  function common() {
    return {
      status: status(),
      version: options.version,
      uptimeSeconds: secondsSince(startedAtMs),
      identity: options.identity,
      region: options.regionId() ?? null,
    };
  }

  function secondsSince(atMs: number): number {
    return Math.round((clock.monotonicMs() - atMs) / 1_000);
  }

  function lifeOf(entry: CacheEntry): LifeSummary | null {
    const { obtainedAtMs, expiresAtMs } = entry;
    if (obtainedAtMs === undefined || expiresAtMs === undefined || !isServableNow(entry)) return null;
    return { ageSeconds: secondsSince(obtainedAtMs), expiresInSeconds: -secondsSince(expiresAtMs) };
  }

  function detailsOf(entry: CacheEntry): FetchDetails {
    const agoOf = (atMs: number | undefined): number | null => (atMs === undefined ? null : secondsSince(atMs));
    const { renewAtMs } = entry;
    return {
      state: entry.state,
      ...lifeOf(entry),
      kept: entry.pinned,
      nextFetchInSeconds: renewAtMs === undefined ? null : Math.max(0, -secondsSince(renewAtMs)),
      lastSuccessSecondsAgo: agoOf(entry.lastSuccessAtMs),
      lastFailureSecondsAgo: agoOf(entry.lastFailureAtMs),
      lastFailure: entry.lastFailureAtMs === undefined ? null : codeOf(entry.lastError),
      failuresInARow: entry.failuresInARow,
      hits: entry.hits,
      fetches: entry.fetches,
      failures: entry.failures,
      waiting: entry.waiting,
    };
  }

  function workloadFailure(): HealthDetails["serviceAccountFailure"] {
    const last = options.lastWorkloadFailure();
    return last === undefined ? null : { code: codeOf(last.error), secondsAgo: secondsSince(last.atMs) };
  }

  function timesOf(entry: CacheEntry | undefined): ServableTimes | undefined {
    if (entry?.obtainedAtMs === undefined || entry.expiresAtMs === undefined || !isServableNow(entry)) return undefined;
    const offsetMs = clock.wallMs() - clock.monotonicMs();
    return {
      obtainedAtSeconds: (entry.obtainedAtMs + offsetMs) / 1_000,
      expiresAtSeconds: (entry.expiresAtMs + offsetMs) / 1_000,
    };
  }

  return {
    isServing,
    summary: () => ({
      ...common(),
      session: sessions.entries().map(lifeOf)[0] ?? null,
      registries: Object.fromEntries(
        tokens
          .entries()
          .filter(isOfInterest)
          .map((entry) => [entry.key, lifeOf(entry)]),
      ),
    }),
    details: () => ({
      ...common(),
      startedAt: new Date(startedAtWallMs).toISOString(),
      config: options.configDetails?.() ?? null,
      session: sessions.entries().map(detailsOf)[0] ?? null,
      registries: Object.fromEntries(tokens.entries().map((entry) => [entry.key, detailsOf(entry)])),
      serviceAccounts: options.subjects() ?? null,
      serviceAccountFailure: workloadFailure(),
    }),
    session: () => timesOf(sessions.entries()[0]),
    *tokens() {
      for (const entry of tokens.entries()) {
        const times = timesOf(entry);
        if (times !== undefined) yield [entry.key, times] as const;
      }
    },
    *lastSuccesses() {
      const offsetMs = clock.wallMs() - clock.monotonicMs();
      for (const { key, lastSuccessAtMs } of tokens.entries().filter(isOfInterest)) {
        yield [key, lastSuccessAtMs === undefined ? undefined : (lastSuccessAtMs + offsetMs) / 1_000] as const;
      }
    },
  };
}

/**
 * A host that has never worked matters only if it is pinned and requested. One that is not pinned is a mistake in an image's
 * name; one that is never requested, such as the home region's default name in a realm without it, does no harm.
 */
function isOfInterest({ pinned, isAsked, lastSuccessAtMs }: CacheEntry): boolean {
  return lastSuccessAtMs !== undefined || (pinned && isAsked);
}
