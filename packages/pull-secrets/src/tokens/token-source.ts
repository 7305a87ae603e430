/** Fetches the tokens of a resource: with its service account's identity, or with the controller's own. Keeps no service-account token. */
import { fetchToken, type TokenWays } from "@ocir-broker/credentials/tokens/registry-token";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { renewAtMs } from "@ocir-broker/expiring-cache/renewal-policy";
import { type Expiring, retryHintOf } from "@ocir-broker/foundation/expiring";
import type { Random } from "@ocir-broker/foundation/random";
import type { Secret } from "@ocir-broker/foundation/secret";
import type { Sessions, SigningSession } from "@ocir-broker/identity/identity-provider";
import { readServiceAccountClaims } from "@ocir-broker/identity/token-exchange/service-account-token";
import type { TokenExchange } from "@ocir-broker/identity/token-exchange/token-exchange";
import { type Failure, failureCodeOf } from "../objects/failure.ts";
import { type CloudAnswer, CONTROLLER_SUBJECT, type IssuedToken } from "../objects/issued-token.ts";
import { type PullSecret, serviceAccountOf } from "../objects/pull-secret.ts";

/** Smaller than the daemon's, because docs/pull-secrets.md promises how long an outage may be; Secrets of one minute still drift apart. */
const RENEW_JITTER = 0.05;

interface Sent {
  exchanges: number;
  registryRequests: number;
}

type Answer = Omit<FetchedTokens, "sent">;

interface FetchedTokens extends CloudAnswer {
  /** What Oracle's services got, for the rate limit. */
  readonly sent: Readonly<Sent>;
  readonly failure: Failure | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
}

/** Fetches the wanted tokens; those of all registries of the resource if its service account is another subject now. Never rejects. */
export type TokenSource = (
  resource: PullSecret,
  wanted: { readonly registries: readonly string[]; readonly subject: string },
  signal: AbortSignal,
) => Promise<FetchedTokens>;

interface TokenSourceOptions {
  readonly ways: TokenWays;
  readonly random: Random;
}

interface ServiceAccountOptions extends TokenSourceOptions {
  readonly exchange: TokenExchange;
  /** Gets a new token of the service account, for one token exchange. */
  requestToken(namespace: string, serviceAccount: string, signal: AbortSignal): Promise<Secret>;
}

/** The subject has the service account's UID, so that a recreated account's tokens replace the old ones. */
export function createServiceAccountSource(options: ServiceAccountOptions): TokenSource {
  const { ways, exchange, requestToken } = options;
  return async (resource, wanted, signal) => {
    const account = serviceAccountOf(resource);
    const sent: Sent = { exchanges: 0, registryRequests: 0 };
    let subject: string | undefined;
    const open = async () => {
      const token = await requestToken(resource.namespace, account, signal);
      subject = `${account}/${readServiceAccountClaims(token).uid}`;
      sent.exchanges += 1;
      return exchange.exchange(token, signal);
    };
    let first: Expiring<SigningSession>;
    try {
      first = await open();
    } catch (error) {
      return { ...answerOf(subject, new Map(), error, account), sent };
    }
    /** One for all registries that refuse the first session. */
    let second: Promise<Expiring<SigningSession>> | undefined;
    const sessions: Sessions = {
      live: async () => second ?? first,
      newerThan: () => (second ??= open()),
    };
    const registries = subject === wanted.subject ? wanted.registries : resource.registries;
    const fetchOne = (host: string) => fetchToken(host, counted(ways, sent), sessions, signal);
    return { ...(await fetchAll(registries, subject, options, fetchOne)), sent };
  };
}

interface ControllerOptions extends TokenSourceOptions {
  readonly sessions: Sessions;
}

export function createControllerSource(options: ControllerOptions): TokenSource {
  const { ways, sessions } = options;
  return async (_resource, { registries }, signal) => {
    const sent: Sent = { exchanges: 0, registryRequests: 0 };
    const fetchOne = (host: string) => fetchToken(host, counted(ways, sent), sessions, signal);
    return { ...(await fetchAll(registries, CONTROLLER_SUBJECT, options, fetchOne)), sent };
  };
}

function counted(ways: TokenWays, sent: Sent): TokenWays {
  return {
    ...ways,
    sendTo(host) {
      const send = ways.sendTo(host);
      return (request) => {
        sent.registryRequests += 1;
        return send(request);
      };
    },
  };
}

/** All tokens get one jitter, so that they are due together again. */
async function fetchAll(
  registries: readonly string[],
  subject: string | undefined,
  { ways: { clock }, random }: TokenSourceOptions,
  fetchOne: (host: string) => Promise<Expiring<Secret>>,
): Promise<Answer> {
  const chance = random();
  const results = await Promise.allSettled(registries.map(fetchOne));
  const tokens = new Map<string, IssuedToken>();
  let failed: { host: string; error: unknown } | undefined;
  for (const [index, result] of results.entries()) {
    const host = registries[index] as string;
    if (result.status === "rejected") {
      failed ??= { host, error: result.reason };
      continue;
    }
    const { value, obtainedAtMs, expiresAtMs } = result.value;
    const wallOffsetMs = clock.wallMs() - clock.monotonicMs();
    const epochMs = (monotonicMs: number): number => Math.floor(monotonicMs + wallOffsetMs);
    const times = { fetchedAtMs: epochMs(obtainedAtMs), expiresAtMs: epochMs(expiresAtMs) };
    tokens.set(host, { token: value, ...times, renewAtMs: epochMs(renewAtMs(result.value, chance, RENEW_JITTER)) });
  }
  return answerOf(subject, tokens, failed?.error, failed?.host ?? "");
}

/** @param error undefined if nothing has failed. @param place for the failure. */
function answerOf(
  subject: string | undefined,
  tokens: ReadonlyMap<string, IssuedToken>,
  error: unknown,
  place: string,
): Answer {
  if (error === undefined) return { subject, tokens, failure: undefined, retryable: true, retryAfterMs: undefined };
  const failure: Failure = { code: failureCodeOf(codeOf(error)), place };
  const { retryable, retryAfterMs } = retryHintOf(error);
  return { subject, tokens, failure, retryable, retryAfterMs };
}
