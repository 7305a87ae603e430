/**
 * The token endpoint's answer: a JWT, how long it lives, and whose it is. Pure; the signature is the registry's
 * to check. Nothing of the answer enters an error.
 */
import { parseJson } from "@ocir-broker/foundation";
import * as z from "zod";

export interface BearerToken {
  readonly token: string;
  /** From the answer's making on, in milliseconds; not positive when it has ended. */
  readonly lifeMs: number;
  readonly isAnonymous: boolean;
}

const answer = z
  .object({ token: z.string().nullish(), access_token: z.string().nullish(), expires_in: z.number().nullish() })
  .transform(({ token, access_token, expires_in }) => ({
    token: token || access_token || "",
    lifeS: expires_in ?? undefined,
  }));

const claims = z.object({ sub: z.unknown().optional(), iat: z.number().optional(), exp: z.number().optional() });

/** Three parts in base64url, padding allowed: nothing that a header or a JSON string would have to escape. */
const JWT = /^[A-Za-z0-9_-]+=*\.(?<claims>[A-Za-z0-9_-]+=*)\.[A-Za-z0-9_-]+=*$/;

/** Every principal, tenancy and group in OCI is named by one of these. */
const OCID = /\bocid1\.[a-z0-9]+\./;

/** OCIR's tokens live an hour; whatever says more than a day is a mistake that must not be served for years. */
const LONGEST_LIFE_MS = 86_400_000;

const NOBODY = /^\s*(?:anonymous.*|guest|nobody|public|unauthenticated)?\s*$/i;

/**
 * The smallest of `expires_in`, the JWT's `exp` and its `exp - iat` counts; the first or the second must be present. The
 * third needs no clock, so a wrong `Date` cannot lengthen a life.
 *
 * @param nowMs the server's time, in epoch milliseconds, which `exp` is held against
 * @returns undefined for anything but a JWT with a life that is a number
 */
export function parseTokenAnswer(body: Buffer, nowMs: number): BearerToken | undefined {
  const { token = "", lifeS } = answer.safeParse(parseJson(body.toString())).data ?? {};
  const claimsPart = JWT.exec(token)?.groups?.["claims"];
  if (claimsPart === undefined) return undefined;
  const claimsText = Buffer.from(claimsPart, "base64url").toString();
  const parsed = claims.safeParse(parseJson(claimsText));
  if (!parsed.success) return undefined;

  const { exp, iat, sub } = parsed.data;
  const lifeMs = Math.min(
    lifeS === undefined ? Number.POSITIVE_INFINITY : lifeS * 1_000,
    exp === undefined ? Number.POSITIVE_INFINITY : exp * 1_000 - nowMs,
    exp === undefined || iat === undefined ? Number.POSITIVE_INFINITY : (exp - iat) * 1_000,
  );
  if (!Number.isFinite(lifeMs)) return undefined;
  return { token, lifeMs: Math.min(lifeMs, LONGEST_LIFE_MS), isAnonymous: isAnonymous(sub, claimsText) };
}

/**
 * OCIR answers an unsigned request with 200 and an anonymous token, for the pull of public images. What its claims are
 * was never published [?]. What is certain: a token made for an Instance Principal must say for whom, and OCI names
 * principals by OCID. So a token is nobody's if its subject says so in words, or if it has neither a subject nor an
 * OCID in any claim. A subject of a kind that we do not know counts as somebody: the access probe finds a token that
 * does not work, but nothing would repair our refusing one that does.
 */
function isAnonymous(sub: unknown, claimsText: string): boolean {
  const subject = typeof sub === "string" ? sub : "";
  if (!NOBODY.test(subject)) return false;
  return subject.trim() !== "" || !OCID.test(claimsText);
}
