/** Decides whether credentials can be served, and whether a fetch fails that matters. */
import type { CacheEntry } from "@ocir-broker/expiring-cache/cache-report";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { hasIdentity, type IdentityProviderName } from "@ocir-broker/identity/identity-providers";
import type { HealthStatus } from "@ocir-broker/protocol/health";
import { isOfInterest, type ReportingCache, servableTimes } from "../telemetry/cache-entries.ts";

export interface ReadinessOptions {
  readonly clock: Clock;
  readonly identity: IdentityProviderName;
  readonly sessions: ReportingCache;
  readonly tokens: ReportingCache;
  /** False if no host is pinned: tokens are then fetched on demand, so a session is enough to be ready. */
  readonly expectsToken: () => boolean;
}

export function createReadiness({ clock, identity, sessions, tokens, expectsToken }: ReadinessOptions) {
  const isWithoutIdentity = !hasIdentity({ name: identity });
  let hasServed = false;

  /** Whether a credential can be served now; always true without an identity, because then nothing is fetched ahead. */
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
    if (entries.length === 0) return expectsToken();
    return entries.some((entry) => (entry.failuresInARow === 0 ? entry.pinned : entry.isAsked && isOfInterest(entry)));
  }

  function isServableNow(entry: CacheEntry): boolean {
    return servableTimes(entry, clock.monotonicMs()) !== undefined;
  }

  function status(): HealthStatus {
    // Without an identity every fetch fails by design.
    if (isWithoutIdentity) return "ok";
    const hosts = tokens.entries().filter(isOfInterest);
    const hasFailed = (entries: CacheEntry[]) => entries.some(({ failuresInARow }) => failuresInARow > 0);
    if (!isServing()) return hasServed || hasFailed(hosts) ? "degraded" : "starting";
    return hasFailed([...sessions.entries(), ...hosts]) ? "degraded" : "ok";
  }

  return { isServing, status };
}
