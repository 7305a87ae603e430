/** Fetches the tokens of a resource: with its service account's identity, or with the controller's own. Keeps no service-account token. */
import { fetchToken, type TokenWays } from "@ocir-broker/credentials/tokens/registry-token";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { renewAtMs } from "@ocir-broker/expiring-cache/renewal-policy";
import { type Expiring, type RetryHint, retryHintOf } from "@ocir-broker/foundation/expiring";
import type { Random } from "@ocir-broker/foundation/random";
import type { Secret } from "@ocir-broker/foundation/secret";
import type { SendRequest } from "@ocir-broker/foundation/upstream";
import type { Sessions, SigningSession, TokenExchange } from "@ocir-broker/identity/identity-provider";
import { readServiceAccountClaims } from "@ocir-broker/identity/token-exchange/service-account-token";
import { type Failure, failureCodeOf } from "../objects/failure.ts";
import { type CloudAnswer, CONTROLLER_SUBJECT, type IssuedToken } from "../objects/issued-token.ts";
import { type PullSecret, serviceAccountOf } from "../objects/pull-secret.ts";

/** Smaller than the daemon's, because docs/pull-secrets.md promises how long an outage may be; Secrets of one minute still drift apart. */
const RENEW_JITTER = 0.05;

/** What Oracle's services got, for the rate limit. */
interface Sent {
  exchanges: number;
  registryRequests: number;
}

interface FetchedTokens extends CloudAnswer, RetryHint {
  readonly sent: Readonly<Sent>;
  readonly failure: Failure | undefined;
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
  const { exchange, requestToken } = options;
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
      return { subject, tokens: new Map(), sent, ...outcomeOf(error, account) };
    }
    /** One for all registries that refuse the first session. */
    let second: Promise<Expiring<SigningSession>> | undefined;
    const sessions: Sessions = {
      live: async () => second ?? first,
      newerThan: () => (second ??= open()),
    };
    const registries = subject === wanted.subject ? wanted.registries : resource.registries;
    return { subject, ...(await fetchAll(registries, sessions, sent, options, signal)) };
  };
}

export function createControllerSource(options: TokenSourceOptions & { readonly sessions: Sessions }): TokenSource {
  return async (_resource, { registries }, signal) => {
    const sent: Sent = { exchanges: 0, registryRequests: 0 };
    return { subject: CONTROLLER_SUBJECT, ...(await fetchAll(registries, options.sessions, sent, options, signal)) };
  };
}

/** All tokens get one jitter, so that they are due together again. */
async function fetchAll(
  registries: readonly string[],
  sessions: Sessions,
  sent: Sent,
  { ways, random }: TokenSourceOptions,
  signal: AbortSignal,
): Promise<Omit<FetchedTokens, "subject">> {
  const { clock } = ways;
  const sendTo = (host: string): SendRequest => {
    const send = ways.sendTo(host);
    return (request) => {
      sent.registryRequests += 1;
      return send(request);
    };
  };
  const chance = random();
  const fetches = registries.map((host) => fetchToken(host, { ...ways, sendTo }, sessions, signal));
  const tokens = new Map<string, IssuedToken>();
  let outcome = outcomeOf(undefined, "");
  for (const [index, result] of (await Promise.allSettled(fetches)).entries()) {
    const host = registries[index] as string;
    if (result.status === "rejected") {
      if (outcome.failure === undefined) outcome = outcomeOf(result.reason, host);
      continue;
    }
    const { value, obtainedAtMs, expiresAtMs } = result.value;
    const wallOffsetMs = clock.wallMs() - clock.monotonicMs();
    const epochMs = (monotonicMs: number): number => Math.floor(monotonicMs + wallOffsetMs);
    const times = { fetchedAtMs: epochMs(obtainedAtMs), expiresAtMs: epochMs(expiresAtMs) };
    tokens.set(host, { token: value, ...times, renewAtMs: epochMs(renewAtMs(result.value, chance, RENEW_JITTER)) });
  }
  return { tokens, sent, ...outcome };
}

/** @param error undefined if nothing has failed. @param place for the failure. */
function outcomeOf(error: unknown, place: string): Pick<FetchedTokens, "failure" | "retryable" | "retryAfterMs"> {
  if (error === undefined) return { failure: undefined, retryable: true, retryAfterMs: undefined };
  const { retryable, retryAfterMs } = retryHintOf(error);
  return { failure: { code: failureCodeOf(codeOf(error)), place }, retryable, retryAfterMs };
}
