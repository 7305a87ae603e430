/** An issuer of tokens for workloads, and the verification of its tokens by those who trust it. */
import { createPublicKey, type KeyObject, type webcrypto } from "node:crypto";
import { notAuthenticated } from "./http/refusal.ts";
import { type Claims, decodeJwt, isSigned } from "./jwt.ts";

type PublishedKey = webcrypto.JsonWebKey & { readonly kid: string };

export interface TokenIssuer {
  readonly issuer: string;
  /** A JWKS. */
  readonly keys: { readonly keys: readonly PublishedKey[] };
}

/** Verifies a token's signature, issuer, audience (if one is wanted) and life. @throws {Refusal} NotAuthenticated */
export function verifyIssuedToken(
  token: string,
  { issuer, audience, keys }: TokenIssuer & { readonly audience: string | undefined },
  wallMs: number,
): Claims {
  const jwt = decodeJwt(token);
  if (jwt === undefined) throw notAuthenticated("not a JWT");
  const key = keys.keys.find(({ kid }) => kid === jwt.header["kid"]);
  const isVerified = key !== undefined && isSigned(jwt, createPublicKey({ key, format: "jwk" }));
  if (!isVerified) throw notAuthenticated("the token is not signed with the issuer's key");
  const nowS = wallMs / 1_000;
  const { iss, aud, exp, nbf } = jwt.claims;
  if (iss !== issuer) throw notAuthenticated("the token has another issuer");
  if (audience !== undefined && ![aud].flat().includes(audience))
    throw notAuthenticated("the token has another audience");
  // Negated, so that a token without expiry is refused.
  if (!(Number(exp) > nowS)) throw notAuthenticated("the token has ended");
  if (Number(nbf) > nowS) throw notAuthenticated("the token is not valid yet");
  return jwt.claims;
}

export function publishedKey(publicKey: KeyObject | undefined, kid: string): PublishedKey {
  return { ...publicKey?.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" };
}
