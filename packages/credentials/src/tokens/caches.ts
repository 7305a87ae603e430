/**
 * The caches of home region, session and tokens (one for each registry host), and how each value is fetched.
 *
 * Each cache uses the one before it. ExpiringCache decides when to fetch or renew; this file and registry-token.ts define a fetch.
 */

import type { Config } from "@ocir-broker/config/schema";
import { RENEW_AHEAD } from "@ocir-broker/expiring-cache/cache-policy";
import type { CacheEvent } from "@ocir-broker/expiring-cache/cache-report";
import { ExpiringCache } from "@ocir-broker/expiring-cache/expiring-cache";
import type { Random } from "@ocir-broker/foundation/random";
import type { Secret } from "@ocir-broker/foundation/secret";
import { IdentityError } from "@ocir-broker/identity/identity-error";
import type { IdentityProvider, Sessions, SigningSession } from "@ocir-broker/identity/identity-provider";
import type { RegionInfo } from "@ocir-broker/identity/region-info";
import { createRegistries } from "./registries.ts";
import { FETCH_LIMIT_MS, fetchToken, isUnauthorized, SLACK_MS, type TokenWays } from "./registry-token.ts";
import { createSessionRefresh, SESSION, sessionsIn } from "./session-refresh.ts";

export interface CacheEvents {
  onRegion(event: CacheEvent): void;
  onSession(event: CacheEvent): void;
  onToken(event: CacheEvent): void;
}

export interface CachesOptions extends Pick<TokenWays, "clock" | "sendTo"> {
  readonly config: Pick<Config, "registries">;
  readonly random: Random;
  /** How long a request may wait. */
  readonly deadlineMs: number;
  /** Called synchronously: handlers must be quick and must not throw. */
  readonly events?: CacheEvents | undefined;
}

export function createCaches(
  provider: Pick<IdentityProvider, "region" | "session" | "refusedAs">,
  { config, clock, random, deadlineMs, sendTo, events }: CachesOptions,
) {
  const shared = { policy: RENEW_AHEAD, clock, random, fetchLimitMs: Math.max(FETCH_LIMIT_MS, deadlineMs) };
  /** A token that failed with one of these is fetched again as soon as there is a session, without its back-off. */
  const sessionErrors = new WeakSet<Error>();

  const homeRegion = new ExpiringCache<RegionInfo>({
    ...shared,
    onEvent: (event) => events?.onRegion(event),
    fetch: async (_key, { signal }) => ({
      value: await provider.region(signal),
      obtainedAtMs: clock.monotonicMs(),
      // An instance never changes its region.
      expiresAtMs: Infinity,
    }),
  });
  const registries = createRegistries(config, homeRegion);

  const sessions = new ExpiringCache<SigningSession>({
    ...shared,
    onEvent(event) {
      events?.onSession(event);
      if (event.type === "fetched") tokens.retry((error) => error instanceof Error && sessionErrors.has(error));
    },
    fetch: (_key, { signal }) => provider.session(signal),
  });
  const refreshSession = createSessionRefresh(clock, () => sessions.refresh(SESSION));

  const nodeSessions = sessionsIn(sessions, refreshSession, Math.max(deadlineMs - SLACK_MS, deadlineMs / 2));
  const tokenSessions: Sessions = {
    ...nodeSessions,
    async live() {
      try {
        return await nodeSessions.live();
      } catch (error) {
        if (error instanceof Error) sessionErrors.add(error);
        throw error;
      }
    },
  };

  /** The remedy of a 401 depends on the identity. */
  function refusal(error: unknown, registryHost: string): unknown {
    if (provider.refusedAs === undefined || !isUnauthorized(error)) return error;
    return new IdentityError(provider.refusedAs, registryHost, { status: 401, cause: error });
  }

  const tokens = new ExpiringCache<Secret>({
    ...shared,
    onEvent: (event) => events?.onToken(event),
    async fetch(registryHost, { signal }) {
      try {
        return await fetchToken(registryHost, { clock, sendTo, registries }, tokenSessions, signal);
      } catch (error) {
        throw refusal(error, registryHost);
      }
    },
  });

  return {
    homeRegion,
    sessions,
    refreshSession,
    tokens,
    registries,
    /** Rejects waiting callers with a `closed` error. */
    close(): void {
      for (const cache of [tokens, sessions, homeRegion]) cache.close();
    },
  };
}
