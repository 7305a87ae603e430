/**
 * What is kept in memory and how each is obtained: the home region, the session, one token a registry host.
 *
 * Three caches of the same kind, one above the other. When something is fetched or renewed is the caches'
 * business; here is only what a fetch consists of.
 */
import type { Clock, Expiring, Random, Secret, SendRequest } from "@ocir-broker/foundation";
import { type IdentityProvider, type RegionInfo, type SigningSession, signRequest } from "@ocir-broker/identity";
import { fetchBearerToken, OcirError } from "@ocir-broker/ocir";
import { type CacheEvent, TokenCache } from "@ocir-broker/token-cache";

/** The session is one value; its cache knows it by this name. */
export const SESSION = "session";

/** One attempt at a token may include a whole bootstrap of the session. */
const TOKEN_FETCH_LIMIT_MS = 15_000;

/** So much before an attempt's and a request's own time limit, so that both end with what kept the session away. */
const SESSION_SLACK_MS = 1_000;

/** A registry that refuses sessions for a reason of its own does not get a new one more often. */
const UNAUTHORIZED_REMINT_MS = 30_000;

interface CacheOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly onEvent: (event: CacheEvent) => void;
}

export function createHomeRegionCache(
  provider: Pick<IdentityProvider, "region">,
  options: CacheOptions,
): TokenCache<RegionInfo> {
  return new TokenCache<RegionInfo>({
    ...options,
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
): TokenCache<SigningSession> {
  return new TokenCache<SigningSession>({ ...options, fetch: (_key, { signal }) => provider.session(signal) });
}

export interface TokenCacheParts extends CacheOptions {
  /** How long a request waits for a token. */
  readonly deadlineMs: number;
  readonly sessions: TokenCache<SigningSession>;
  readonly sendTo: (registryHost: string) => SendRequest;
  readonly endpointOf: (registryHost: string) => URL;
  /** Takes the errors that kept a session away: what failed with one of them need not wait once there is a session. */
  readonly sessionErrors: WeakSet<object>;
}

export function createTokenCache(parts: TokenCacheParts): TokenCache<Secret> {
  const { sessions, sendTo, endpointOf, sessionErrors, clock, random, onEvent } = parts;
  const limitMs = Math.min(parts.deadlineMs, TOKEN_FETCH_LIMIT_MS);
  const sessionWaitMs = Math.max(limitMs - SESSION_SLACK_MS, limitMs / 2);
  let remintedAtMs = Number.NEGATIVE_INFINITY;

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

  /** The session after `refused`: a live one that is newer, else one minted beside it. */
  async function sessionAfter(refused: Expiring<SigningSession>): Promise<Expiring<SigningSession> | undefined> {
    const live = sessions.peek(SESSION);
    if (live !== undefined && live !== refused) return live;
    if (clock.monotonicMs() - remintedAtMs < UNAUTHORIZED_REMINT_MS) return undefined;
    remintedAtMs = clock.monotonicMs();
    return sessions.refresh(SESSION).catch(() => undefined);
  }

  return new TokenCache<Secret>({
    clock,
    random,
    onEvent,
    fetchLimitMs: TOKEN_FETCH_LIMIT_MS,
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

function isUnauthorized(error: unknown): boolean {
  return error instanceof OcirError && error.code === "registry-unauthorized";
}
