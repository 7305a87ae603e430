/** The identity that a cached answer belongs to, as a key; and the hash of a token, by which it is recognised. */
import { hash } from "node:crypto";
import type { Secret } from "@ocir-broker/foundation";
import type { ServiceAccountClaims } from "@ocir-broker/identity";

/**
 * One key for one service account and audience. JSON keeps the parts apart whatever they contain, and the hash keeps names out of
 * messages. Annotations are no part of it: they decide before whose identity is used, and influence no fetch.
 */
export function subjectKey({ issuer, audiences, namespace, name, uid }: ServiceAccountClaims): string {
  const parts = [issuer, audiences.toSorted(), namespace, name, uid];
  return hash("sha256", JSON.stringify(parts), "base64url");
}

export function tokenHash(token: Secret): string {
  return hash("sha256", token.reveal(), "base64url");
}
