/**
 * Parses the auth service's response: checks that it is a session token for our key, and finds its lifetime. Also reads the claims
 * of session tokens from elsewhere. No signature is verified, because only OCI has its key; TLS authenticates the service.
 */
import type { KeyObject } from "node:crypto";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { parseJwt } from "@ocir-broker/foundation/parse-jwt";
import { Secret } from "@ocir-broker/foundation/secret";
import type { UpstreamResponse } from "@ocir-broker/foundation/upstream";
import * as z from "zod";
import { IdentityError } from "../identity-error.ts";

/** Marks a key id that is a session token. */
export const TOKEN_PREFIX = "ST$";

export interface SessionToken {
  readonly token: Secret;
  /** On the monotonic clock. */
  readonly expiresAtMs: number;
}

/** Sessions live 20 minutes; more than a day is a mistake and is limited. */
const LONGEST_LIFE_MS = 86_400_000;

const responseBody = z.object({ token: z.string().regex(/^[\w-]+\.[\w-]+\.[\w-]+$/) });

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
  /** Whether the token is bound to the given key, to another one, or to none; `unreadable` if it names no RSA key. */
  readonly binding: "ours" | "foreign" | "none" | "unreadable";
}

/**
 * The life starts when the request is sent, so it is never too long.
 * @throws {IdentityError} `federation-invalid` or `token-key-mismatch`.
 */
export function decodeSessionToken(
  response: UpstreamResponse,
  sessionPublicKey: KeyObject,
  host: string,
): SessionToken {
  const { data: { token = "" } = {} } = responseBody.safeParse(parseJson(response.body));
  const data = readSessionClaims(token, sessionPublicKey);
  const lifeMs = data === undefined ? 0 : sessionLifeMs(data, response.serverDateMs);
  if (data?.binding === "foreign" && lifeMs > 0) throw new IdentityError("token-key-mismatch", host);
  if (data?.binding !== "ours" || lifeMs <= 0) throw new IdentityError("federation-invalid", host);
  return { token: new Secret(token), expiresAtMs: response.sentAtMs + lifeMs };
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
  return { ...rest, tenancyId, binding: jwk === undefined ? "none" : bindingOf(jwk, publicKey) };
}

function bindingOf(jwk: unknown, publicKey: KeyObject): SessionClaims["binding"] {
  const { data } = boundKey.safeParse(jwk);
  if (data === undefined) return "unreadable";
  return modulus(data.n).equals(modulus(publicKey.export({ format: "jwk" }).n ?? "")) ? "ours" : "foreign";
}

/** Java prefixes a zero byte if the number's first bit is set. */
function modulus(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, "base64url");
  return bytes[0] === 0 ? bytes.subarray(1) : bytes;
}
