/**
 * Decodes security tokens that another program has written to a file or variable: the command line's session, and RPSTs. Does not
 * verify the signature, because only OCI has its key; the registry verifies it.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { parseJwt, Secret } from "@ocir-broker/foundation";
import * as z from "zod";
import type { ReadSession } from "../file-lives.ts";
import { IdentityError, type IdentityErrorCode } from "../identity-error.ts";
import { TOKEN_PREFIX } from "../instance-principal/session-record.ts";
import { isTokenOfKey } from "../instance-principal/session-token.ts";

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

const claims = z.object({
  exp: z.number(),
  sub: z.string().default(""),
  tenant: z.string().optional(),
  /** The tenancy in an RPST. */
  res_tenant: z.string().optional(),
  /** The key that the token is bound to, in the tokens that are published. */
  jwk: z.unknown().optional(),
});

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
  const { data } = claims.safeParse(JWT.test(token) ? parseJwt(token).claims : undefined);
  if (data === undefined) throw new IdentityError("security-token-invalid", place);
  const endsAtWallMs = data.exp * 1_000;
  if (endsAtWallMs <= wallMs) throw new IdentityError(expired, place);
  if (data.jwk !== undefined && !isTokenOfKey(token, createPublicKey(privateKey)))
    throw new IdentityError("security-token-key", place);
  const tenancyId = data.res_tenant ?? data.tenant ?? "";
  return {
    session: { keyId: new Secret(`${TOKEN_PREFIX}${token}`), privateKey, tenancyId },
    endsAtWallMs,
    identity: `${tenancyId}/${data.sub}`,
    place,
  };
}
