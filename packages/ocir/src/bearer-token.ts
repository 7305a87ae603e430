/**
 * Parses the token endpoint's response: a JWT, its lifetime, and whether it is anonymous. Pure; only the registry verifies the
 * signature. Errors contain nothing of the response.
 */
import { parseJson } from "@ocir-broker/foundation/parse-json";
import * as z from "zod";

export interface BearerToken {
  readonly token: string;
  /** Counts from the response's creation; not positive if it has expired. */
  readonly lifeMs: number;
  readonly isAnonymous: boolean;
}

const responseBody = z
  .object({ token: z.string().nullish(), access_token: z.string().nullish(), expires_in: z.number().nullish() })
  .transform(({ token, access_token, expires_in }) => ({
    token: token || access_token || "",
    lifeS: expires_in ?? undefined,
  }));

const claims = z.object({ sub: z.unknown().optional(), iat: z.number().optional(), exp: z.number().optional() });

/** Three parts in base64url, padding allowed, so that no header or JSON string needs an escape. */
const JWT = /^[A-Za-z0-9_-]+=*\.(?<claims>[A-Za-z0-9_-]+=*)\.[A-Za-z0-9_-]+=*$/;

/** The name of every principal, tenancy and group in OCI. */
const OCID = /\bocid1\.[a-z0-9]+\./;

/** OCIR's tokens live an hour; more than a day is a mistake. */
const LONGEST_LIFE_MS = 86_400_000;

/** The longest `token` of the schema AccessToken. */
export const MAX_TOKEN_CHARACTERS = 32_768;

const NOBODY = /^(?:anonymous.*|guest|nobody|public|unauthenticated)?$/i;

/**
 * The lifetime is the smallest of `expires_in`, the JWT's `exp`, and `exp - iat`; one of the first two must be present. The third
 * needs no clock, so a wrong `Date` cannot lengthen it.
 *
 * @param nowMs the server's time in epoch milliseconds, to compare with `exp`
 * @returns undefined for anything but a JWT with a lifetime; also if `expires_in` or the claims state more than a day
 */
export function parseTokenResponse(body: Buffer, nowMs: number): BearerToken | undefined {
  const { token = "", lifeS } = responseBody.safeParse(parseJson(body)).data ?? {};
  if (token.length > MAX_TOKEN_CHARACTERS) return undefined;
  const claimsPart = JWT.exec(token)?.groups?.["claims"];
  if (claimsPart === undefined) return undefined;
  const claimsText = Buffer.from(claimsPart, "base64url").toString();
  const parsed = claims.safeParse(parseJson(claimsText));
  if (!parsed.success) return undefined;

  const { exp, iat, sub } = parsed.data;
  const lives: number[] = [];
  if (lifeS !== undefined) lives.push(lifeS * 1_000);
  if (exp !== undefined) lives.push(exp * 1_000 - (iat === undefined ? nowMs : iat * 1_000));
  // Each must be sane, also beside a shorter one.
  if (lives.length === 0 || lives.some((life) => life > LONGEST_LIFE_MS)) return undefined;
  if (exp !== undefined) lives.push(exp * 1_000 - nowMs);
  const lifeMs = Math.min(...lives);
  return { token, lifeMs, isAnonymous: isAnonymous(sub, claimsText) };
}

/**
 * OCIR answers an unsigned request with 200 and an anonymous token, for pulls of public images, whose claims are not published. But
 * a token for an instance principal must name it, and OCI names principals by OCID. So a token is anonymous if its subject says so,
 * or if it has neither a subject nor an OCID in any claim. An unknown kind of subject does not count as anonymous: the access probe
 * detects a token that does not work, but nothing could repair the refusal of a working one.
 */
function isAnonymous(sub: unknown, claimsText: string): boolean {
  const subject = typeof sub === "string" ? sub.trim() : "";
  if (!NOBODY.test(subject)) return false;
  return subject !== "" || !OCID.test(claimsText);
}
