/**
 * Registry tokens of service accounts, one for each registry host, its address, and subject.
 *
 * Claims select a cached response only after their signature was verified, or after Oracle has accepted the token they are in. A
 * pod's token is used for one token exchange and forgotten; what stays of it is a hash. Nothing is fetched without a pod's token,
 * so nothing is renewed after the last one has ended.
 */
import { hash } from "node:crypto";
import { OnDemandCache, type OnDemandCacheOptions } from "@ocir-broker/expiring-cache/on-demand-cache";
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Random } from "@ocir-broker/foundation/random";
import type { Secret } from "@ocir-broker/foundation/secret";
import { settledWithin } from "@ocir-broker/foundation/time/settled-within";
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
  readonly onSession?: OnDemandCacheOptions["onEvent"];
  readonly onToken?: OnDemandCacheOptions["onEvent"];
}

type FetchEvent = Parameters<NonNullable<OnDemandCacheOptions["onEvent"]>>[0];

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

export function createServiceAccountCache(options: ServiceAccountCacheOptions) {
  const { clock, random, exchange, keys, longestTokenLifeMs } = options;
  const closing = new AbortController();
  const known = new LRUCache<string, ServiceAccountClaims>({ max: MAX_KNOWN_TOKENS });
  const exchanges = {
    ...{ clock, random, maxEntries: MAX_SUBJECTS, fetchLimitMs: TOKEN_EXCHANGE_LIMIT_MS },
    onEvent: (event: FetchEvent) => options.onSession?.({ ...event, key: String(event.key.split(" ")[0]) }),
  };
  const sessions = new OnDemandCache<SigningSession>(exchanges);
  /** Token exchanges that prove a token, by its subject and hash. */
  const proofs = new OnDemandCache<SigningSession>(exchanges);
  const tokens = new OnDemandCache<Secret>({
    ...{ clock, random, maxEntries: MAX_TOKENS, fetchLimitMs: FETCH_LIMIT_MS },
    ...(options.onToken && { onEvent: options.onToken }),
  });

  const leftMs = (deadlineAtMs: number): number => Math.max(0, deadlineAtMs - clock.monotonicMs());

  function exchangeWaitMs(deadlineAtMs: number): number {
    const waitMs = leftMs(deadlineAtMs);
    return waitMs - Math.min(REGISTRY_SHARE_MS, waitMs / 3);
  }

  async function sessionOf(subject: string, token: Secret, deadlineAtMs: number): Promise<Expiring<SigningSession>> {
    const waitMs = exchangeWaitMs(deadlineAtMs);
    return (await sessions.get(subject, (signal) => exchange.exchange(token, signal), { waitMs })).entry;
  }

  /** The subject of a token that is signed by the cluster or, if its keys cannot be read in time, accepted by Oracle. */
  async function subjectOf(token: Secret, deadlineAtMs: number): Promise<string> {
    const tokenHash = hash("sha256", token.reveal(), "base64url");
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
    const prove = async (signal: AbortSignal): Promise<Expiring<SigningSession>> => {
      const accepted = await exchange.exchange(token, signal);
      sessions.put(subject, accepted);
      known.set(tokenHash, claims);
      return accepted;
    };
    const proof = `${subject} ${tokenHash}`;
    const { entry } = await proofs.get(proof, prove, { waitMs: exchangeWaitMs(deadlineAtMs) });
    proofs.reject(proof, entry);
    return subject;
  }

  return {
    /**
     * Ends before `deadlineAtMs` on the monotonic clock; what takes longer is finished for the next caller.
     * @throws {TokenExchangeError}, and the errors of registry and cache.
     */
    async get(registryHost: string, token: Secret, { deadlineAtMs }: { deadlineAtMs: number }) {
      const subject = await subjectOf(token, deadlineAtMs);
      const fetch = async (signal: AbortSignal): Promise<Expiring<Secret>> => {
        const live = () => sessionOf(subject, token, deadlineAtMs);
        const ofSubject: Sessions = {
          live,
          newerThan(refused) {
            sessions.reject(subject, refused);
            return live();
          },
        };
        const fetched = await fetchToken(registryHost, options, ofSubject, signal);
        return { ...fetched, expiresAtMs: Math.min(fetched.expiresAtMs, fetched.obtainedAtMs + longestTokenLifeMs) };
      };
      // A reload may have moved the registry host.
      const { origin } = options.registries.endpointOf(registryHost);
      return tokens.get(`${registryHost} ${origin} ${subject}`, fetch, { waitMs: leftMs(deadlineAtMs) });
    },
    /** Service accounts with a session. */
    get size(): number {
      return sessions.size;
    },
    close(): void {
      closing.abort();
      tokens.close();
      proofs.close();
      sessions.close();
      known.clear();
    },
  };
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
