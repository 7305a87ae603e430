/** A JWT with an invalid signature, for code that does not check it. */
export function jwtOf(claims: object, signature = "c2ln"): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256", kid: "one" })}.${part(claims)}.${signature}`;
}

export function podClaims(expiresAtWallMs: number): object {
  const bound = { namespace: "shop", serviceaccount: { name: "puller", uid: "1" } };
  return { iss: "i", aud: "a", exp: expiresAtWallMs / 1_000, "kubernetes.io": bound };
}
