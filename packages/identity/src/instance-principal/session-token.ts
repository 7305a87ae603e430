/**
 * Parses the auth service's answer: checks that it is a session token for our key, and finds its lifetime. The signature is not
 * verified, because only OCI has its key; TLS authenticates the service.
 */
import type { KeyObject } from "node:crypto";
import { parseJson, parseJwt, Secret, type UpstreamResponse } from "@ocir-broker/foundation";
import * as z from "zod";
import { IdentityError } from "../identity-error.ts";

export interface SessionToken {
  readonly token: Secret;
  /** On the monotonic clock. */
  readonly expiresAtMs: number;
}

/** Sessions live 20 minutes; more than a day is a mistake and is limited. */
const LONGEST_LIFE_MS = 86_400_000;

const answer = z.object({ token: z.string().regex(/^[\w-]+\.[\w-]+\.[\w-]+$/) });

/** `jwk` is a JSON string in published tokens; the SDK for Java requires it. */
const claims = z.object({
  iat: z.number(),
  exp: z.number(),
  jwk: z.preprocess((jwk) => (typeof jwk === "string" ? parseJson(jwk) : jwk), z.object({ n: z.string() })),
});

/**
 * The life starts when the request is sent, so it is never too long.
 * @throws {IdentityError} `federation-invalid` or `token-key-mismatch`.
 */
export function decodeSessionToken(
  response: UpstreamResponse,
  sessionPublicKey: KeyObject,
  host: string,
): SessionToken {
  const { data: { token } = {} } = answer.safeParse(parseJson(response.body.toString("utf8")));
  const data = readClaims(token);
  if (token === undefined || data === undefined) throw new IdentityError("federation-invalid", host);
  const lifeMs = sessionLifeMs(data, response.serverDateMs);
  if (lifeMs <= 0) throw new IdentityError("federation-invalid", host);
  if (!isClaimed(data, sessionPublicKey)) throw new IdentityError("token-key-mismatch", host);
  return { token: new Secret(token), expiresAtMs: response.sentAtMs + lifeMs };
}

/** A session ends at `exp` by the server's own `Date`, but lasts no longer than `exp - iat` or a day, whatever the clocks say. */
export function sessionLifeMs({ iat, exp }: { iat: number; exp: number }, serverDateMs: number | undefined): number {
  const wholeLifeMs = (exp - iat) * 1_000;
  const leftMs = serverDateMs === undefined ? wholeLifeMs : exp * 1_000 - serverDateMs;
  return Math.min(wholeLifeMs, leftMs, LONGEST_LIFE_MS);
}

/** Whether the token is bound to this key. */
export function isTokenOfKey(token: string, publicKey: KeyObject): boolean {
  const data = readClaims(token);
  return data !== undefined && isClaimed(data, publicKey);
}

function readClaims(token: string | undefined): z.output<typeof claims> | undefined {
  return claims.safeParse(parseJwt(token ?? "").claims).data;
}

function isClaimed({ jwk }: z.output<typeof claims>, publicKey: KeyObject): boolean {
  return modulus(jwk.n).equals(modulus(publicKey.export({ format: "jwk" }).n ?? ""));
}

/** Java prefixes a zero byte if the number's first bit is set. */
function modulus(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, "base64url");
  return bytes[0] === 0 ? bytes.subarray(1) : bytes;
}
