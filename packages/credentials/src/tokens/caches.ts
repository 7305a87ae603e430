/**
 * The caches of home region, session and tokens (one for each registry host), and how each value is fetched.
 *
 * Each cache uses the one before it. RefreshAheadCache decides when to fetch or renew; this file defines a fetch.
 */
import { type CacheEvent, RefreshAheadCache } from "@ocir-broker/expiring-cache";
import type { Clock, Expiring, Random, Secret, SendRequest } from "@ocir-broker/foundation";
import {
  IdentityError,
  type IdentityProvider,
  type RegionInfo,
  type SigningSession,
  signRequest,
} from "@ocir-broker/identity";
import { fetchBearerToken, OcirError } from "@ocir-broker/ocir";
import type { Config } from "../config/schema.ts";
import { BrokerError } from "../errors/broker-error.ts";
import { createRegistries, type LiveRegistries, type Registries } from "./registries.ts";
import { createSessionRefresh, type RefreshSession, sessionAfter } from "./session-refresh.ts";

/** The only key of the session cache. */
export const SESSION = "session";

/** Time limit of a fetch, which for a token may include a session's; a longer request deadline raises it. */
const FETCH_LIMIT_MS = 15_000;

/** Part of a fetch's and a request's limit that is reserved, so that the error of region or session is reported, not a timeout. */
const SLACK_MS = 1_000;

export interface Caches {
  readonly homeRegion: RefreshAheadCache<RegionInfo>;
  readonly sessions: RefreshAheadCache<SigningSession>;
  readonly refreshSession: RefreshSession;
  readonly tokens: RefreshAheadCache<Secret>;
  readonly registries: LiveRegistries;
  /** Rejects waiting callers with a `closed` error. */
  close(): void;
}

export interface CacheEvents {
  onRegion(event: CacheEvent): void;
  onSession(event: CacheEvent): void;
  onToken(event: CacheEvent): void;
}

export interface CachesOptions {
  readonly config: Pick<Config, "registries">;
  readonly clock: Clock;
  readonly random: Random;
  /** How long a request may wait. */
  readonly deadlineMs: number;
  readonly sendTo: (registryHost: string) => SendRequest;
  /** Called synchronously: handlers must be quick and must not throw. */
  readonly events?: CacheEvents | undefined;
}

export function createCaches(
  provider: Pick<IdentityProvider, "region" | "session" | "refusedAs">,
  { config, clock, random, deadlineMs, sendTo, events }: CachesOptions,
): Caches {
  const shared = { clock, random, fetchLimitMs: Math.max(FETCH_LIMIT_MS, deadlineMs) };
  const sessionWaitMs = Math.max(deadlineMs - SLACK_MS, deadlineMs / 2);
  /** A token that failed with one of these is fetched again as soon as there is a session, without its back-off. */
  const sessionErrors = new WeakSet<Error>();

  const homeRegion = new RefreshAheadCache<RegionInfo>({
    ...shared,
    onEvent: (event) => events?.onRegion(event),
    fetch: async (_key, { signal }) => ({
      value: await provider.region(signal),
      obtainedAtMs: clock.monotonicMs(),
      // An instance never changes its region.
      expiresAtMs: Number.POSITIVE_INFINITY,
    }),
  });
  const registries = createRegistries(config, homeRegion);

  const sessions = new RefreshAheadCache<SigningSession>({
    ...shared,
    onEvent(event) {
      events?.onSession(event);
      if (event.type === "fetched") tokens.retry((error) => error instanceof Error && sessionErrors.has(error));
    },
    fetch: (_key, { signal }) => provider.session(signal),
  });
  const refreshSession = createSessionRefresh({ clock, refresh: () => sessions.refresh(SESSION) });

  const tokenSessions: TokenSessions = {
    async live() {
      try {
        return (await sessions.get(SESSION, { waitMs: sessionWaitMs })).entry;
      } catch (error) {
        if (error instanceof Error) sessionErrors.add(error);
        throw error;
      }
    },
    newerThan: (refused) => sessionAfter(refused, () => sessions.peek(SESSION), refreshSession),
  };

  /** The remedy of a 401 depends on the identity. */
  function refusal(error: unknown, registryHost: string): unknown {
    if (provider.refusedAs === undefined || !isUnauthorized(error)) return error;
    return new IdentityError(provider.refusedAs, registryHost, { status: 401, cause: error });
  }

  const tokens = new RefreshAheadCache<Secret>({
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
    close() {
      for (const cache of [tokens, sessions, homeRegion]) cache.close();
    },
  };
}

export interface TokenWays {
  readonly clock: Clock;
  readonly sendTo: (registryHost: string) => SendRequest;
  readonly registries: Registries;
}

/** The sessions of the identity that a token is for. */
export interface TokenSessions {
  live(): Promise<Expiring<SigningSession>>;
  /** Undefined if there is no newer one. */
  newerThan(refused: Expiring<SigningSession>): Promise<Expiring<SigningSession> | undefined>;
}

/**
 * Fetches a registry token with the live session and, if the registry refuses that, once with a newer one. All caches of tokens fetch
 * here, so no caller can leave out the check of the host: a foreign one gets no request.
 *
 * @throws {BrokerError} `registry-foreign`, and the errors of home region, session and registry.
 */
export async function fetchToken(
  registryHost: string,
  { clock, sendTo, registries }: TokenWays,
  sessions: TokenSessions,
  signal: AbortSignal,
): Promise<Expiring<Secret>> {
  if (!(await registries.isAllowed(registryHost, FETCH_LIMIT_MS - SLACK_MS)))
    throw new BrokerError("registry-foreign", `${registryHost} gets no token`);

  function fetchWith({ value: session }: Expiring<SigningSession>): Promise<Expiring<Secret>> {
    const sign = (request: { method: "GET"; url: URL }) => signRequest(session, request, clock.wallMs());
    const ways = { send: sendTo(registryHost), sign, clock, endpoint: registries.endpointOf(registryHost) };
    return fetchBearerToken(registryHost, ways, signal);
  }

  const live = await sessions.live();
  try {
    return await fetchWith(live);
  } catch (error) {
    const newer = isUnauthorized(error) ? await sessions.newerThan(live) : undefined;
    if (newer === undefined) throw error;
    return fetchWith(newer);
  }
}

/** The registry refused the session. */
function isUnauthorized(error: unknown): boolean {
  return error instanceof OcirError && error.code === "registry-unauthorized";
}
