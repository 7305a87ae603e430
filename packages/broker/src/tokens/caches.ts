/**
 * What is kept in memory and how each is obtained: the home region, the session, one token a registry host.
 *
 * Three caches of the same kind, one above the other. When something is fetched or renewed is the caches'
 * business; here is only what a fetch consists of.
 */

import { type CacheEvent, RefreshAheadCache } from "@ocir-broker/expiring-cache";
import type { Clock, Expiring, Random, Secret, SendRequest } from "@ocir-broker/foundation";
import { type IdentityProvider, type RegionInfo, type SigningSession, signRequest } from "@ocir-broker/identity";
import { fetchBearerToken, OcirError } from "@ocir-broker/ocir";
import type { RefreshSession } from "./session-refresh.ts";

/** The session is one value; its cache knows it by this name. */
export const SESSION = "session";

/** Time limit of one attempt at a value. A token's may include fetching the session; a longer request deadline raises it. */
const FETCH_LIMIT_MS = 15_000;

/** Leaves this much of the attempt's and the request's limit, so that the session's error is reported rather than a timeout. */
const SESSION_SLACK_MS = 1_000;

interface CacheOptions {
  /** How long a request waits, milliseconds. */
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
      // An instance does not move.
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
  /** Takes the errors that kept a session away: what failed with one of them need not wait once there is a session. */
  readonly sessionErrors: WeakSet<object>;
}

export function createTokenCache(parts: TokenCacheParts): RefreshAheadCache<Secret> {
  const { sessions, refreshSession, sendTo, endpointOf, sessionErrors, deadlineMs, clock, random, onEvent } = parts;
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

  /** The session after `refused`: a live one that is newer, else a refreshed one. */
  async function sessionAfter(refused: Expiring<SigningSession>): Promise<Expiring<SigningSession> | undefined> {
    const newer = (): Expiring<SigningSession> | undefined => {
      const live = sessions.peek(SESSION);
      return live === refused ? undefined : live;
    };
    return newer() ?? refreshSession().done.then(newer, () => undefined);
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
        const next = await sessionAfter(session);
        if (next === undefined) throw error;
        return fetchWith(next.value, registryHost, signal);
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
