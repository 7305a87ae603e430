/**
 * Registry tokens of service accounts, one for each registry host, its address, and subject.
 *
 * Claims select a cached response only after their signature was verified, or after Oracle has accepted the token they are in. A
 * pod's token is used for one token exchange and forgotten; what stays of it is a hash. Nothing is fetched without a pod's token,
 * so nothing is renewed after the last one has ended.
 */
import { hash } from "node:crypto";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { RENEW_ON_DEMAND } from "@ocir-broker/expiring-cache/cache-policy";
import type { CacheEvent, CacheResult } from "@ocir-broker/expiring-cache/cache-report";
import { ExpiringCache } from "@ocir-broker/expiring-cache/expiring-cache";
import type { Expiring } from "@ocir-broker/foundation/expiring";
import { ORACLE_LIMITS } from "@ocir-broker/foundation/oracle-limits";
import type { Random } from "@ocir-broker/foundation/random";
import type { Secret } from "@ocir-broker/foundation/secret";
import { createLimiter } from "@ocir-broker/foundation/time/limiter";
import { settledWithin } from "@ocir-broker/foundation/time/settled-within";
import type { TokenExchangeErrorCode } from "@ocir-broker/identity/error-codes";
import type { Sessions, SigningSession, TokenExchange } from "@ocir-broker/identity/identity-provider";
import type { IssuerKeys } from "@ocir-broker/identity/token-exchange/issuer-keys";
import {
  readServiceAccountClaims,
  type ServiceAccountClaims,
} from "@ocir-broker/identity/token-exchange/service-account-token";
import { TokenExchangeError } from "@ocir-broker/identity/token-exchange/token-exchange-error";
import { LRUCache } from "lru-cache";
import { fetchToken, type TokenWays } from "../tokens/registry-token.ts";

export type ServiceAccountCache = ReturnType<typeof createServiceAccountCache>;

export interface ServiceAccountCacheOptions extends TokenWays {
  readonly random: Random;
  readonly exchange: TokenExchange;
  readonly keys: IssuerKeys;
  /** The audience that tokens must have; undefined for any. */
  readonly audience: string | undefined;
  /** A registry token is kept no longer, whatever its own life. */
  readonly longestTokenLifeMs: number;
  /** The event's key is the subject, whichever of its tokens was exchanged. */
  readonly onSession?: (event: CacheEvent) => void;
  readonly onToken?: (event: CacheEvent) => void;
}

/** A pod's token, whose claims select the subject. */
interface PodToken {
  readonly token: Secret;
  readonly claims: ServiceAccountClaims;
  readonly subject: string;
  /** Of the token, which must not be kept itself. */
  readonly tokenHash: string;
}

/** A request for a registry token. */
interface Pull {
  readonly registryHost: string;
  readonly subject: string;
  readonly token: Secret;
  readonly deadlineAtMs: number;
}

/** A node runs at most 256 pods; this leaves room for those that have ended. */
const MAX_SUBJECTS = 512;

/** A subject pulls from one or two registry hosts. */
const MAX_TOKENS = 2 * MAX_SUBJECTS;

/** Tokens that were verified or accepted; a subject has one for each of its pods. */
const MAX_KNOWN_TOKENS = 4 * MAX_SUBJECTS;

const TOKEN_EXCHANGE_LIMIT_MS = 12_000;

/** Limit of a token's fetch: a token exchange, and a request of at most the default of `upstream.timeout`. */
const FETCH_LIMIT_MS = TOKEN_EXCHANGE_LIMIT_MS + 8_000;

/** Part of a pull's time that is left for the registry if the token exchange is slow, but at most a third of it. */
const REGISTRY_SHARE_MS = 3_000;

/** Part of the time before it that the cluster's keys may take; afterwards Oracle judges the token. */
const KEYS_SHARE = 1 / 3;

/** Oracle refuses one token with these, such as that of a deleted pod, and not its service account. */
const TOKEN_REFUSED: readonly string[] = [
  "cluster-token-refused",
  "domain-token-refused",
  "service-account-token-expired",
] satisfies TokenExchangeErrorCode[];

export function createServiceAccountCache(options: ServiceAccountCacheOptions) {
  const { clock, random, exchange, keys, longestTokenLifeMs } = options;
  const closing = new AbortController();
  const exchanges = createLimiter({ clock, ...ORACLE_LIMITS.tokenExchange });
  const known = new LRUCache<string, ServiceAccountClaims>({ max: MAX_KNOWN_TOKENS });
  const onSession = ({ key, ...event }: CacheEvent) =>
    options.onSession?.({ ...event, key: String(key.split(" ")[0]) });
  /** The next caller's token may be a good one. */
  const concernsSourceOnly = (error: unknown) => TOKEN_REFUSED.includes(codeOf(error));
  const refused = new LRUCache<string, { readonly error: unknown; readonly untilMs: number }>({
    max: MAX_KNOWN_TOKENS,
  });

  async function exchangeToken(token: Secret, signal: AbortSignal): Promise<Expiring<SigningSession>> {
    const tokenHash = hashOf(token);
    const { error, untilMs } = refused.get(tokenHash) ?? { error: undefined, untilMs: 0 };
    if (clock.monotonicMs() < untilMs) throw error;
    try {
      const { promise, resolve } = Promise.withResolvers<Expiring<SigningSession>>();
      exchanges.add(() => resolve(exchange.exchange(token, signal)));
      return await promise;
    } catch (error) {
      if (concernsSourceOnly(error))
        refused.set(tokenHash, { error, untilMs: clock.monotonicMs() + ORACLE_LIMITS.refusedToken.restMs });
      throw error;
    }
  }

  const sessions = new ExpiringCache<SigningSession, Secret>({
    policy: RENEW_ON_DEMAND,
    fetch: (_subject, { source: token, signal }) => exchangeToken(token, signal),
    fetchLimitMs: TOKEN_EXCHANGE_LIMIT_MS,
    concernsSourceOnly,
    maxEntries: MAX_SUBJECTS,
    clock,
    random,
    onEvent: onSession,
  });

  /** Token exchanges that prove a token, by its subject and hash. */
  const proofs = new ExpiringCache<undefined, PodToken>({
    policy: RENEW_ON_DEMAND,
    async fetch(_proof, { source: { token, claims, subject, tokenHash }, signal }) {
      const session = await exchangeToken(token, signal);
      sessions.put(subject, session);
      known.set(tokenHash, claims);
      return { ...session, value: undefined };
    },
    fetchLimitMs: TOKEN_EXCHANGE_LIMIT_MS,
    maxEntries: MAX_SUBJECTS,
    clock,
    random,
    onEvent: onSession,
  });

  const tokens = new ExpiringCache<Secret, Pull>({
    policy: RENEW_ON_DEMAND,
    async fetch(_key, { source: pull, signal }) {
      const fetched = await fetchToken(pull.registryHost, options, sessionsFor(pull), signal);
      return { ...fetched, expiresAtMs: Math.min(fetched.expiresAtMs, fetched.obtainedAtMs + longestTokenLifeMs) };
    },
    fetchLimitMs: FETCH_LIMIT_MS,
    concernsSourceOnly,
    maxEntries: MAX_TOKENS,
    clock,
    random,
    ...(options.onToken && { onEvent: options.onToken }),
  });

  const leftMs = (deadlineAtMs: number): number => Math.max(0, deadlineAtMs - clock.monotonicMs());

  function exchangeWaitMs(deadlineAtMs: number): number {
    const waitMs = leftMs(deadlineAtMs);
    return waitMs - Math.min(REGISTRY_SHARE_MS, waitMs / 3);
  }

  function sessionsFor({ subject, token, deadlineAtMs }: Pull): Sessions {
    return {
      live: async () => (await sessions.get(subject, { waitMs: exchangeWaitMs(deadlineAtMs) }, token)).entry,
      async newerThan(refused) {
        const current = sessions.peek(subject);
        // The refused session may have ended meanwhile.
        return current === undefined || current === refused ? sessions.refresh(subject, token) : current;
      },
    };
  }

  /** The subject of a token that is signed by the cluster or, if its keys cannot be read in time, accepted by Oracle. */
  async function subjectOf(token: Secret, deadlineAtMs: number): Promise<string> {
    const tokenHash = hashOf(token);
    const claims = known.get(tokenHash) ?? readServiceAccountClaims(token);
    checkUsable(claims, options);
    const subject = subjectKey(claims);
    if (known.has(tokenHash)) return subject;
    const checked = keys.isSigned(token, closing.signal).then((isSigned) => {
      if (isSigned) known.set(tokenHash, claims);
    });
    await settledWithin(checked, exchangeWaitMs(deadlineAtMs) * KEYS_SHARE, clock);
    if (known.has(tokenHash)) return subject;
    // Runs as a fetch, so that the next caller uses the result of a token exchange that was too slow for this one.
    const pod = { token, claims, subject, tokenHash };
    await proofs.get(`${subject} ${tokenHash}`, { waitMs: exchangeWaitMs(deadlineAtMs) }, pod);
    return subject;
  }

  return {
    /**
     * Ends before `deadlineAtMs` on the monotonic clock; what takes longer is finished for the next caller.
     * @throws {TokenExchangeError}, and the errors of registry and cache.
     */
    async get(registryHost: string, token: Secret, limit: { deadlineAtMs: number }): Promise<CacheResult<Secret>> {
      const { deadlineAtMs } = limit;
      const subject = await subjectOf(token, deadlineAtMs);
      // A reload may have moved the registry host.
      const { origin } = options.registries.endpointOf(registryHost);
      const pull = { registryHost, subject, token, deadlineAtMs };
      return tokens.get(`${registryHost} ${origin} ${subject}`, { waitMs: leftMs(deadlineAtMs) }, pull);
    },
    /** Service accounts with a session. */
    get size(): number {
      return sessions.entries().filter(({ state }) => state === "fresh" || state === "stale").length;
    },
    close(): void {
      closing.abort();
      exchanges.close();
      tokens.close();
      proofs.close();
      sessions.close();
      known.clear();
    },
  };
}

function hashOf(token: Secret): string {
  return hash("sha256", token.reveal(), "base64url");
}

/**
 * One key for one service account and audience. JSON keeps the parts apart whatever they contain, and the hash keeps names out of
 * messages. Annotations are not part of it: they only decide whose identity is used, before any fetch.
 */
function subjectKey({ issuer, audiences, namespace, name, uid }: ServiceAccountClaims): string {
  const parts = [issuer, audiences.toSorted(), namespace, name, uid];
  return hash("sha256", JSON.stringify(parts), "base64url");
}

function checkUsable(
  { expiresAtWallMs, audiences }: ServiceAccountClaims,
  { clock, audience }: Pick<ServiceAccountCacheOptions, "clock" | "audience">,
): void {
  if (!(expiresAtWallMs > clock.wallMs()))
    throw new TokenExchangeError("service-account-token-expired", "service-account token");
  if (audience !== undefined && !audiences.includes(audience))
    throw new TokenExchangeError("service-account-token-audience", "service-account token");
}
