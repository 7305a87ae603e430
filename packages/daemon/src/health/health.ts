/**
 * The broker's health, readable over the health socket, as a closed list of fields.
 *
 * It contains registry hosts, ages, counts, error codes, and the names of service accounts whose pulls fail and of denied
 * repositories; never an OCID, a token or text from upstream.
 */
import type { DeniedRepository } from "@ocir-broker/credentials/access/repository-access";
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { CacheEntry } from "@ocir-broker/expiring-cache/cache-report";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { hasIdentity, type IdentityProviderName } from "@ocir-broker/identity/identity-providers";
import type {
  ConfigDetails,
  FetchDetails,
  HealthDetails,
  HealthStatus,
  HealthSummary,
  LifeSummary,
} from "@ocir-broker/protocol/health";
import type { ServiceAccountFailure } from "../credentials/credential-events.ts";
import { isOfInterest, type ReportingCache, servableTimes } from "../telemetry/cache-entries.ts";

export type Health = ReturnType<typeof createHealth>;

export interface HealthOptions {
  readonly clock: Clock;
  readonly version: string;
  readonly identity: IdentityProviderName;
  readonly sessions: ReportingCache;
  readonly tokens: ReportingCache;
  /** The state of the configuration file. */
  readonly configDetails: (() => ConfigDetails) | undefined;
  /** False if no host is pinned: tokens are then fetched on demand, so a session is enough to be ready. */
  readonly expectsToken: () => boolean;
  readonly regionId: () => string | undefined;
  readonly unwritten: () => HealthDetails["unwritten"];
  readonly serviceAccountCount: () => number | undefined;
  readonly serviceAccountFailures: () => readonly ServiceAccountFailure[];
  readonly deniedRepositories: () => readonly DeniedRepository[];
}

export function createHealth(options: HealthOptions) {
  const { clock, sessions, tokens } = options;
  const { isServing, status } = createReadiness(options);
  const startedAtMs = clock.monotonicMs();
  const startedAtWallMs = clock.wallMs();

  function common(nowMs: number) {
    return {
      status: status(),
      version: options.version,
      uptimeSeconds: secondsSince(startedAtMs, nowMs),
      identity: options.identity,
      region: options.regionId() ?? null,
    };
  }

  function serviceAccountFailures(nowMs: number): HealthDetails["serviceAccountFailures"] {
    return options.serviceAccountFailures().map(({ account = null, error, atMs }) => ({
      account,
      code: codeOf(error),
      secondsAgo: secondsSince(atMs, nowMs),
    }));
  }

  /** The part of the details that a reload, or a change of the file, changes at once. The same object until then. */
  const config = (): ConfigDetails | null => options.configDetails?.() ?? null;

  return {
    isServing,
    config,
    summary(): HealthSummary {
      const nowMs = clock.monotonicMs();
      const lifeNow = (entry: CacheEntry) => lifeOf(entry, nowMs);
      const registries = tokens.entries().filter(isOfInterest);
      return {
        ...common(nowMs),
        session: sessions.entries().map(lifeNow)[0] ?? null,
        registries: Object.fromEntries(registries.map((entry) => [entry.key, lifeNow(entry)])),
      };
    },
    details(): HealthDetails {
      const nowMs = clock.monotonicMs();
      const detailsNow = (entry: CacheEntry) => detailsOf(entry, nowMs);
      return {
        ...common(nowMs),
        startedAt: new Date(startedAtWallMs).toISOString(),
        config: config(),
        unwritten: options.unwritten(),
        session: sessions.entries().map(detailsNow)[0] ?? null,
        registries: Object.fromEntries(tokens.entries().map((entry) => [entry.key, detailsNow(entry)])),
        serviceAccounts: options.serviceAccountCount() ?? null,
        serviceAccountFailures: serviceAccountFailures(nowMs),
        denied: options
          .deniedRepositories()
          .map(({ repository, askedAtMs }) => ({ repository, secondsAgo: secondsSince(askedAtMs, nowMs) })),
      };
    },
  };
}

function detailsOf(entry: CacheEntry, nowMs: number): FetchDetails {
  const agoOf = (atMs: number | undefined) => (atMs === undefined ? null : secondsSince(atMs, nowMs));
  const { renewAtMs } = entry;
  return {
    state: entry.state,
    ...lifeOf(entry, nowMs),
    kept: entry.pinned,
    nextFetchInSeconds: renewAtMs === undefined ? null : Math.max(0, -secondsSince(renewAtMs, nowMs)),
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

function lifeOf(entry: CacheEntry, nowMs: number): LifeSummary | null {
  const times = servableTimes(entry, nowMs);
  if (times === undefined) return null;
  return {
    ageSeconds: secondsSince(times.obtainedAtMs, nowMs),
    expiresInSeconds: -secondsSince(times.expiresAtMs, nowMs),
  };
}

function secondsSince(atMs: number, nowMs: number): number {
  return Math.round((nowMs - atMs) / 1_000);
}

function createReadiness(options: HealthOptions) {
  const { clock, identity, sessions, tokens, configDetails, expectsToken } = options;

  const isUnconfigured = () => configDetails?.().inForce === "nothing";

  /** By choice. */
  const isWithoutIdentity = () => !hasIdentity(identity) && !isUnconfigured();

  /** Whether a credential can be served now; always true without an identity, because then nothing is fetched ahead. */
  function isServing(): boolean {
    return (
      isWithoutIdentity() ||
      tokens.entries().some(isServableNow) ||
      (!awaitsToken() && sessions.entries().some(isServableNow))
    );
  }

  /** Whether there was a token before, or a session that has ended. */
  function hasServed(): boolean {
    const hasWorked = ({ lastSuccessAtMs }: CacheEntry) => lastSuccessAtMs !== undefined;
    return tokens.entries().some(hasWorked) || sessions.entries().some((one) => hasWorked(one) && !isServableNow(one));
  }

  /** A failed prefetch counts only if callers wait for it; without callers, a session is enough to be ready. */
  function awaitsToken(): boolean {
    const entries = tokens.entries();
    if (entries.length === 0) return expectsToken();
    return entries.some((entry) => (entry.failuresInARow === 0 ? entry.pinned : entry.isAsked && isOfInterest(entry)));
  }

  function isServableNow(entry: CacheEntry): boolean {
    return servableTimes(entry, clock.monotonicMs()) !== undefined;
  }

  function status(): HealthStatus {
    // Without an identity every fetch fails by design.
    if (isWithoutIdentity()) return "ok";
    if (isUnconfigured()) return "degraded";
    const hosts = tokens.entries().filter(isOfInterest);
    const hasFailed = (entries: CacheEntry[]) => entries.some(({ failuresInARow }) => failuresInARow > 0);
    if (!isServing()) return hasServed() || hasFailed(hosts) ? "degraded" : "starting";
    // The home region's host should work, also before the first pull.
    const pinned = tokens.entries().filter((entry) => entry.pinned);
    return hasFailed([...sessions.entries(), ...hosts, ...pinned]) ? "degraded" : "ok";
  }

  return { isServing, status };
}
