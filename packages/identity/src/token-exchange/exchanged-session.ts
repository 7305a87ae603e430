/**
 * Makes a session from the key id that a token exchange has returned, `ST$<jwt>`. Does not verify the signature, because only
 * Oracle has its key; TLS authenticates the token exchange.
 */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import { Secret } from "@ocir-broker/foundation/secret";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { UpstreamResponse } from "@ocir-broker/foundation/upstream";
import type { SigningSession } from "../identity-provider.ts";
import { readSessionClaims, sessionLifeMs } from "../instance-principal/session-token.ts";
import type { KeyPair } from "../session-keys.ts";
import { TokenExchangeError } from "./token-exchange-error.ts";

/**
 * @param keyId undefined if the response has none.
 * @throws {TokenExchangeError} `token-exchange-invalid`
 */
export function exchangedSession(
  keyId: string | undefined,
  { serverDateMs, sentAtMs }: UpstreamResponse,
  { publicKey, privateKey }: KeyPair,
  host: string,
  clock: Clock,
): Expiring<SigningSession> {
  const data = readSessionClaims(keyId ?? "", publicKey);
  const lifeMs = data === undefined ? 0 : sessionLifeMs(data, serverDateMs);
  // No real token is published, so the key is compared only if the token names one.
  const isOurs = data?.binding === "ours" || data?.binding === "none";
  if (keyId === undefined || data === undefined || lifeMs <= 0 || !isOurs)
    throw new TokenExchangeError("token-exchange-invalid", host);
  return {
    value: { keyId: new Secret(keyId), privateKey, tenancyId: data.tenancyId },
    obtainedAtMs: clock.monotonicMs(),
    expiresAtMs: sentAtMs + lifeMs,
  };
}
