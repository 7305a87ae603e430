/**
 * Decodes security tokens that another program has written to a file or variable: the CLI session, and RPSTs. Does not
 * verify the signature, because only OCI has its key; the registry verifies it.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { Secret } from "@ocir-broker/foundation/secret";
import type { IdentityErrorCode } from "../error-codes.ts";
import type { ReadSession } from "../file-identity.ts";
import { IdentityError } from "../identity-error.ts";
import { readSessionClaims, TOKEN_PREFIX } from "../instance-principal/session-token.ts";

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * @param text the file's content.
 * @throws {IdentityError} `security-token-invalid`, `security-token-key`, or `expired`.
 */
export function decodeWrittenSession(
  text: string,
  privateKey: KeyObject,
  { place, wallMs, expired }: { place: string; wallMs: number; expired: IdentityErrorCode },
): ReadSession {
  const token = text.trim();
  const data = JWT.test(token) ? readSessionClaims(token, createPublicKey(privateKey)) : undefined;
  if (data === undefined) throw new IdentityError("security-token-invalid", place);
  const endsAtWallMs = data.exp * 1_000;
  if (endsAtWallMs <= wallMs) throw new IdentityError(expired, place);
  // Only published tokens name their key.
  if (data.isForAnotherKey) throw new IdentityError("security-token-key", place);
  return {
    session: { keyId: new Secret(`${TOKEN_PREFIX}${token}`), privateKey },
    endsAtWallMs,
    identity: `${data.tenancyId}/${data.sub}`,
    place,
  };
}
