/**
 * The caches of home region, session and tokens (one for each registry host), and how each value is fetched.
 *
 * Each cache uses the one before it. RefreshAheadCache decides when to fetch or renew; this file defines a fetch.
 */

import { type CacheEvent, RefreshAheadCache } from "@ocir-broker/expiring-cache";
import type { Clock, Expiring, Random, Secret, SendRequest } from "@ocir-broker/foundation";
import {
  IdentityError,
  type IdentityErrorCode,
  type IdentityProvider,
  type RegionInfo,
  type SigningSession,
  signRequest,
} from "@ocir-broker/identity";
import { fetchBearerToken, OcirError } from "@ocir-broker/ocir";
import { type RefreshSession, sessionAfter } from "./session-refresh.ts";

/** The only key of the session cache. */
export const SESSION = "session";

/** Time limit of a fetch, which for a token may include a session's; a longer request deadline raises it. */
const FETCH_LIMIT_MS = 15_000;

/** Part of a fetch's and a request's limit that is reserved, so that the session's error is reported instead of a timeout. */
const SESSION_SLACK_MS = 1_000;

interface CacheOptions {
  /** How long a request may wait. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly onEvent: (event: CacheEvent) => void;
}

export function createHomeRegionCache(
  provider: Pick<IdentityProvider, "region">,
  options: CacheOptions,
): RefreshAheadCache<RegionInfo> {
  return new RefreshAheadCache<RegionInfo>({
    ...options,
    fetchLimitMs: fetchLimitMs(options),
    fetch: async (_key, { signal }) => ({
      value: await provider.region(signal),
      obtainedAtMs: options.clock.monotonicMs(),
      // An instance never changes its region.
      expiresAtMs: Number.POSITIVE_INFINITY,
    }),
  });
}

export function createSessionCache(
  provider: Pick<IdentityProvider, "session">,
  options: CacheOptions,
): RefreshAheadCache<SigningSession> {
  return new RefreshAheadCache<SigningSession>({
    ...options,
    fetchLimitMs: fetchLimitMs(options),
    fetch: (_key, { signal }) => provider.session(signal),
  });
}

export interface TokenCacheParts extends CacheOptions {
  readonly sessions: RefreshAheadCache<SigningSession>;
  readonly refreshSession: RefreshSession;
  readonly sendTo: (registryHost: string) => SendRequest;
  readonly endpointOf: (registryHost: string) => URL;
  /** The provider's error for a session that a registry refuses. */
  readonly refusedAs: IdentityErrorCode | undefined;
  /** Collects errors of the session: a token that failed with one is fetched again as soon as there is a session. */
  readonly sessionErrors: WeakSet<object>;
}

export function createTokenCache(parts: TokenCacheParts): RefreshAheadCache<Secret> {
  const { sessions, refreshSession, sendTo, endpointOf, sessionErrors, refusedAs, deadlineMs, clock, random, onEvent } =
    parts;
  const sessionWaitMs = Math.max(deadlineMs - SESSION_SLACK_MS, deadlineMs / 2);

  function fetchWith(session: SigningSession, registryHost: string, signal: AbortSignal): Promise<Expiring<Secret>> {
    const sign = (request: { method: "GET"; url: URL }) => signRequest(session, request, clock.wallMs());
    return fetchBearerToken(
      registryHost,
      { send: sendTo(registryHost), sign, clock, endpoint: endpointOf(registryHost) },
      signal,
    );
  }

  async function liveSession(): Promise<Expiring<SigningSession>> {
    try {
      return (await sessions.get(SESSION, { waitMs: sessionWaitMs })).entry;
    } catch (error) {
      if (error instanceof Error) sessionErrors.add(error);
      throw error;
    }
  }

  /** The remedy of a 401 depends on the identity. */
  function refusal(error: unknown, registryHost: string): unknown {
    if (refusedAs === undefined || !isUnauthorized(error)) return error;
    return new IdentityError(refusedAs, registryHost, { status: 401, cause: error });
  }

  return new RefreshAheadCache<Secret>({
    clock,
    random,
    onEvent,
    fetchLimitMs: fetchLimitMs(parts),
    async fetch(registryHost, { signal }) {
      const session = await liveSession();
      try {
        return await fetchWith(session.value, registryHost, signal);
      } catch (error) {
        if (!isUnauthorized(error)) throw error;
        const next = await sessionAfter(session, () => sessions.peek(SESSION), refreshSession);
        if (next === undefined) throw refusal(error, registryHost);
        return fetchWith(next.value, registryHost, signal).catch((again) => {
          throw refusal(again, registryHost);
        });
      }
    },
  });
}

function fetchLimitMs({ deadlineMs }: Pick<CacheOptions, "deadlineMs">): number {
  return Math.max(FETCH_LIMIT_MS, deadlineMs);
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof OcirError && error.code === "registry-unauthorized";
}
