/**
 * Parses the exchange's answer, a JSON string with the base64 of `{"token":"ST$<jwt>"}`, into a session. The signature is not verified,
 * because only Oracle has its key; TLS authenticates the cluster.
 */
import { type Clock, type Expiring, parseJson, Secret, type UpstreamResponse } from "@ocir-broker/foundation";
import * as z from "zod";
import { isTokenOfKey, sessionLifeMs } from "../instance-principal/session-token.ts";
import type { SigningSession } from "../provider.ts";
import { parsePart } from "../workload/service-account-token.ts";
import { WorkloadError } from "../workload/workload-error.ts";
import type { KeyPair } from "./session-keys.ts";

const answer = z.object({ token: z.string().regex(/^ST\$[\w-]+\.[\w-]+\.[\w-]+$/) });

/** `res_tenant` is what the SDKs read. No payload of a real workload is published, so the key is compared only if it is there. */
const claims = z.object({
  iat: z.number(),
  exp: z.number(),
  res_tenant: z.string().optional(),
  jwk: z.unknown().optional(),
});

/** @throws {WorkloadError} `workload-invalid` */
export function decodeExchangeAnswer(
  response: UpstreamResponse,
  { publicKey, privateKey }: KeyPair,
  host: string,
  clock: Clock,
): Expiring<SigningSession> {
  const encoded = z.string().safeParse(parseJson(response.body.toString("utf8"))).data ?? "";
  const keyId = answer.safeParse(parseJson(Buffer.from(encoded, "base64").toString("utf8"))).data?.token;
  const data = claims.safeParse(parsePart(keyId?.split(".")[1])).data;
  if (keyId === undefined || data === undefined) throw new WorkloadError("workload-invalid", host);
  const lifeMs = sessionLifeMs(data, response.serverDateMs);
  const isOurs = data.jwk === undefined || isTokenOfKey(keyId, publicKey);
  if (lifeMs <= 0 || !isOurs) throw new WorkloadError("workload-invalid", host);
  return {
    value: { keyId: new Secret(keyId), privateKey, tenancyId: data.res_tenant ?? "" },
    obtainedAtMs: clock.monotonicMs(),
    expiresAtMs: response.sentAtMs + lifeMs,
  };
}
