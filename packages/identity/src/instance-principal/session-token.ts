/**
 * Makes a session of a service's response with a session token, and reads the claims of session tokens from elsewhere. No signature
 * is verified, because only OCI has its key; TLS authenticates the service.
 */
import type { KeyObject } from "node:crypto";
import type { Expiring } from "@ocir-broker/foundation/expiring";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { parseJwt } from "@ocir-broker/foundation/parse-jwt";
import { Secret } from "@ocir-broker/foundation/secret";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { UpstreamResponse } from "@ocir-broker/foundation/upstream";
import * as z from "zod";
import type { SigningSession } from "../identity-provider.ts";
import type { KeyPair } from "../session-keys.ts";

/** Marks a key id that is a session token. */
export const TOKEN_PREFIX = "ST$";

/** Sessions live 20 minutes; more than a day is a mistake and is limited. */
const LONGEST_LIFE_MS = 86_400_000;

const claims = z.object({
  iat: z.number().optional(),
  exp: z.number(),
  sub: z.string().default(""),
  /** The tenancy, in an RPST. */
  res_tenant: z.string().optional(),
  tenant: z.string().optional(),
  jwk: z.unknown().optional(),
});

/** A JSON string in published tokens; the SDK for Java requires it. */
const boundKey = z.preprocess((jwk) => (typeof jwk === "string" ? parseJson(jwk) : jwk), z.object({ n: z.string() }));

export interface SessionClaims extends Pick<z.output<typeof claims>, "iat" | "exp" | "sub"> {
  readonly tenancyId: string;
  /** Whether the token names a key, and not the given one. */
  readonly isForAnotherKey: boolean;
}

/**
 * The life starts when the request is sent, so it is never too long.
 *
 * @param keyId `ST$<jwt>`; undefined if the response has none.
 * @returns undefined if this is no session, or not for our key.
 */
export function sessionOf(
  keyId: string | undefined,
  { serverDateMs, sentAtMs }: UpstreamResponse,
  { publicKey, privateKey }: KeyPair,
  clock: Clock,
): Expiring<SigningSession> | undefined {
  const data = readSessionClaims(keyId ?? "", publicKey);
  const lifeMs = data === undefined ? 0 : sessionLifeMs(data, serverDateMs);
  if (keyId === undefined || lifeMs <= 0 || data?.isForAnotherKey) return undefined;
  return {
    value: { keyId: new Secret(keyId), privateKey },
    obtainedAtMs: clock.monotonicMs(),
    expiresAtMs: sentAtMs + lifeMs,
  };
}

/**
 * A session ends at `exp` by the server's own `Date`, but lasts no longer than `exp - iat` or a day, whatever the clocks say. 0 if
 * the token does not say when it was issued.
 */
export function sessionLifeMs({ iat, exp }: Pick<SessionClaims, "iat" | "exp">, serverDateMs?: number): number {
  if (iat === undefined) return 0;
  const wholeLifeMs = (exp - iat) * 1_000;
  const leftMs = serverDateMs === undefined ? wholeLifeMs : exp * 1_000 - serverDateMs;
  return Math.min(wholeLifeMs, leftMs, LONGEST_LIFE_MS);
}

/** Undefined if the token is not a JWT with an end. */
export function readSessionClaims(token: string, publicKey: KeyObject): SessionClaims | undefined {
  const { data } = claims.safeParse(parseJwt(token).claims);
  if (data === undefined) return undefined;
  const { jwk, tenant = "", res_tenant: tenancyId = tenant, ...rest } = data;
  return { ...rest, tenancyId, isForAnotherKey: jwk !== undefined && !isKey(jwk, publicKey) };
}

function isKey(jwk: unknown, publicKey: KeyObject): boolean {
  const { data } = boundKey.safeParse(jwk);
  return data !== undefined && modulus(data.n).equals(modulus(publicKey.export({ format: "jwk" }).n ?? ""));
}

/** Java prefixes a zero byte if the number's first bit is set. */
function modulus(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, "base64url");
  return bytes[0] === 0 ? bytes.subarray(1) : bytes;
}
