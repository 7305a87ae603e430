/** The identity that a cached answer belongs to, as a key; and the hash of a token, by which it is recognised. */
import { hash } from "node:crypto";
import type { Secret } from "@ocir-broker/foundation";
import type { ServiceAccountClaims } from "@ocir-broker/identity";

/**
 * One key for one service account, audience and set of annotations used. JSON keeps the parts apart whatever they contain, and the hash
 * keeps names out of messages.
 */
export function subjectKey(claims: ServiceAccountClaims, annotationsUsed: Readonly<Record<string, string>>): string {
  const { issuer, audiences, namespace, name, uid } = claims;
  const parts = [issuer, audiences.toSorted(), namespace, name, uid, Object.entries(annotationsUsed).toSorted()];
  return hash("sha256", JSON.stringify(parts), "base64url");
}

export function tokenHash(token: Secret): string {
  return hash("sha256", token.reveal(), "base64url");
}
