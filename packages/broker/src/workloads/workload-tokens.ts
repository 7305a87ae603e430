/**
 * Registry tokens of service accounts, one for each registry host and subject.
 *
 * Claims select a cached answer only after their signature was verified, or after Oracle has accepted the token they are in. A pod's
 * token is used for one exchange and forgotten; what stays of it is a hash. Nothing is fetched without a pod's token, so nothing is
 * renewed after the last one has ended.
 */
import { type Answer, OnDemandCache, type OnDemandCacheOptions } from "@ocir-broker/expiring-cache";
import type { Clock, Expiring, Random, Secret, SendRequest } from "@ocir-broker/foundation";
import {
  type IssuerKeys,
  readServiceAccountClaims,
  type ServiceAccountClaims,
  type SigningSession,
  signRequest,
  WorkloadError,
  type WorkloadExchange,
} from "@ocir-broker/identity";
import { fetchBearerToken, OcirError } from "@ocir-broker/ocir";
import { LRUCache } from "lru-cache";
import { subjectKey, tokenHash } from "./subject.ts";

export interface WorkloadTokens {
  /** @throws {WorkloadError}, and the errors of registry and cache. */
  get(registryHost: string, pod: PodIdentity, options: { waitMs: number }): Promise<Answer<Secret>>;
  /** Subjects with a session. */
  readonly size: number;
  close(): void;
}

interface PodIdentity {
  readonly token: Secret;
  /** Only those that influence the answer. */
  readonly annotationsUsed: Readonly<Record<string, string>>;
}

export interface WorkloadTokensOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly exchange: WorkloadExchange;
  readonly keys: IssuerKeys;
  readonly sendTo: (registryHost: string) => SendRequest;
  readonly endpointOf: (registryHost: string) => URL;
  /** The audience that tokens must have; undefined for any. */
  readonly audience: string | undefined;
  /** A registry token is kept no longer, whatever its own life. */
  readonly longestTokenLifeMs: number;
  readonly onSession?: OnDemandCacheOptions["onEvent"];
  readonly onToken?: OnDemandCacheOptions["onEvent"];
}

/** A node runs at most 256 pods; this leaves room for those that have ended. */
const MAX_SUBJECTS = 512;

/** A subject pulls from one or two registry hosts. */
const MAX_TOKENS = 2 * MAX_SUBJECTS;

/** Tokens that were verified or accepted; a subject has one for each of its pods. */
const MAX_KNOWN_TOKENS = 4 * MAX_SUBJECTS;

/** Of a fetch, which for a token may include an exchange. */
const FETCH_LIMIT_MS = 15_000;

const EXCHANGE_LIMIT_MS = 12_000;

/** Part of a caller's wait that is left when the exchange is given up, so that its error is reported instead of a timeout. */
const EXCHANGE_SLACK_MS = 1_000;

export function createWorkloadTokens(options: WorkloadTokensOptions): WorkloadTokens {
  const { clock, random, exchange, keys } = options;
  const closing = new AbortController();
  const known = new LRUCache<string, ServiceAccountClaims>({ max: MAX_KNOWN_TOKENS });
  const sessions = new OnDemandCache<SigningSession>({
    ...{ clock, random, maxEntries: MAX_SUBJECTS, fetchLimitMs: EXCHANGE_LIMIT_MS },
    ...(options.onSession && { onEvent: options.onSession }),
  });
  const tokens = new OnDemandCache<Secret>({
    ...{ clock, random, maxEntries: MAX_TOKENS, fetchLimitMs: FETCH_LIMIT_MS },
    ...(options.onToken && { onEvent: options.onToken }),
  });

  const sessionOf = async (key: string, token: Secret, waitMs: number): Promise<Expiring<SigningSession>> =>
    (await sessions.get(key, (signal) => exchange.exchange(token, signal), { waitMs })).entry;

  /** The subject of a token that is signed by the cluster or, if its keys cannot be read, accepted by Oracle. */
  async function subjectOf({ token, annotationsUsed }: PodIdentity, waitMs: number): Promise<string> {
    const hash = tokenHash(token);
    const claims = known.get(hash) ?? readServiceAccountClaims(token);
    checkUsable(claims, options);
    const subject = subjectKey(claims, annotationsUsed);
    if (known.has(hash)) return subject;
    if (!(await keys.isSigned(token, closing.signal))) {
      const own = `token ${hash}`;
      const accepted = await sessionOf(own, token, waitMs);
      sessions.reject(own, accepted);
      sessions.put(subject, accepted);
    }
    known.set(hash, claims);
    return subject;
  }

  async function fetchToken(registryHost: string, subject: string, token: Secret, waitMs: number, signal: AbortSignal) {
    const exchangeMs = Math.min(EXCHANGE_LIMIT_MS, Math.max(waitMs - EXCHANGE_SLACK_MS, waitMs / 2));
    const session = await sessionOf(subject, token, exchangeMs);
    try {
      return await fetchWith(session.value, registryHost, options, signal);
    } catch (error) {
      if (!(error instanceof OcirError && error.code === "registry-unauthorized")) throw error;
      sessions.reject(subject, session);
      return fetchWith((await sessionOf(subject, token, exchangeMs)).value, registryHost, options, signal);
    }
  }

  return {
    async get(registryHost, pod, { waitMs }) {
      const deadlineMs = clock.monotonicMs() + waitMs;
      const subject = await subjectOf(pod, waitMs);
      const leftMs = Math.max(0, deadlineMs - clock.monotonicMs());
      const fetch = (signal: AbortSignal) => fetchToken(registryHost, subject, pod.token, leftMs, signal);
      return tokens.get(`${registryHost} ${subject}`, fetch, { waitMs: leftMs });
    },
    get size() {
      return sessions.size;
    },
    close() {
      closing.abort();
      tokens.close();
      sessions.close();
      known.clear();
    },
  };
}

function checkUsable(
  { expiresAtWallMs, audiences }: ServiceAccountClaims,
  { clock, audience }: Pick<WorkloadTokensOptions, "clock" | "audience">,
): void {
  if (!(expiresAtWallMs > clock.wallMs())) throw new WorkloadError("workload-token-ended", "service-account token");
  if (audience !== undefined && !audiences.includes(audience))
    throw new WorkloadError("workload-token-audience", "service-account token");
}

async function fetchWith(
  session: SigningSession,
  registryHost: string,
  { clock, sendTo, endpointOf, longestTokenLifeMs }: WorkloadTokensOptions,
  signal: AbortSignal,
): Promise<Expiring<Secret>> {
  const sign = (request: { method: "GET"; url: URL }) => signRequest(session, request, clock.wallMs());
  const ways = { send: sendTo(registryHost), sign, clock, endpoint: endpointOf(registryHost) };
  const fetched = await fetchBearerToken(registryHost, ways, signal);
  return { ...fetched, expiresAtMs: Math.min(fetched.expiresAtMs, fetched.obtainedAtMs + longestTokenLifeMs) };
}
