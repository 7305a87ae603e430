/**
 * The key that signs registry tokens, with its certificate: a registry of the distribution project accepts such tokens if it trusts
 * the root (`auth.token.rootcertbundle`).
 *
 * Form: https://distribution.github.io/distribution/spec/auth/jwt/ (ES256, `x5c` in the header).
 */
import { KeyObject } from "node:crypto";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createCertificateAuthority, newP256Keys } from "./certificate-authority.ts";
import { type Claims, type DecodedJwt, isSigned, signJwt } from "./jwt.ts";

export type TokenSigner = Awaited<ReturnType<typeof createTokenSigner>>;

export async function createTokenSigner(clock: Clock) {
  const [authority, keys] = await Promise.all([
    createCertificateAuthority("ocir-broker OCI simulator registry tokens", clock),
    newP256Keys(),
  ]);
  const certificate = await authority.issue("OCI simulator registry tokens", keys.publicKey, []);
  const header = { typ: "JWT", x5c: [certificate.toString("base64")] };
  const privateKey = KeyObject.from(keys.privateKey);
  const publicKey = KeyObject.from(keys.publicKey);
  return {
    /** PEM of the signing certificate's root. */
    rootCertificate: authority.certificate,
    sign: (claims: Claims) => signJwt(header, claims, privateKey),
    isOurs: (jwt: DecodedJwt) => isSigned(jwt, publicKey),
  };
}
