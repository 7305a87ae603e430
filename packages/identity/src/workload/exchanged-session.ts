/**
 * Makes a session from the key id that an exchange has returned, `ST$<jwt>`. Does not verify the signature, because only Oracle has
 * its key; TLS authenticates the exchange.
 */
import { type Clock, type Expiring, parseJwt, Secret, type UpstreamResponse } from "@ocir-broker/foundation";
import * as z from "zod";
import { isTokenOfKey, sessionLifeMs } from "../instance-principal/session-token.ts";
import type { SigningSession } from "../provider.ts";
import type { KeyPair } from "./session-keys.ts";
import { WorkloadError } from "./workload-error.ts";

/** The SDKs read only `iat` and `exp`. No real token is published, so the key is compared only if the token contains it. */
const claims = z.object({
  iat: z.number(),
  exp: z.number(),
  /** Of an RPST. */
  res_tenant: z.string().optional(),
  /** Of a UPST. */
  tenant: z.string().optional(),
  jwk: z.unknown().optional(),
});

/**
 * @param keyId undefined if the answer has none.
 * @throws {WorkloadError} `workload-invalid`
 */
export function exchangedSession(
  keyId: string | undefined,
  { serverDateMs, sentAtMs }: UpstreamResponse,
  { publicKey, privateKey }: KeyPair,
  host: string,
  clock: Clock,
): Expiring<SigningSession> {
  const data = claims.safeParse(parseJwt(keyId ?? "").claims).data;
  if (keyId === undefined || data === undefined) throw new WorkloadError("workload-invalid", host);
  const lifeMs = sessionLifeMs(data, serverDateMs);
  const isOurs = data.jwk === undefined || isTokenOfKey(keyId, publicKey);
  if (lifeMs <= 0 || !isOurs) throw new WorkloadError("workload-invalid", host);
  return {
    value: { keyId: new Secret(keyId), privateKey, tenancyId: data.res_tenant ?? data.tenant ?? "" },
    obtainedAtMs: clock.monotonicMs(),
    expiresAtMs: sentAtMs + lifeMs,
  };
}
