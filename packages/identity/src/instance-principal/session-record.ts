/**
 * An instance principal's session as plain values, for the handover to the next process, and back. Decoding treats
 * its input as untrusted: the key must be able to sign, and the token must have been issued for it.
 *
 * The record is as secret as the session. Only the daemon's user and root may read it, and it belongs on no disk.
 */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { Secret } from "@ocir-broker/foundation/secret";
import { MAX_BODY_BYTES } from "@ocir-broker/foundation/upstream";
import * as z from "zod";
import type { SigningSession } from "../identity-provider.ts";
import { readSessionClaims, TOKEN_PREFIX } from "./session-token.ts";

const record = z.object({
  token: z
    .string()
    .max(MAX_BODY_BYTES)
    .regex(/^[\w=-]+\.[\w=-]+\.[\w=-]+$/),
  /** PKCS#8 DER in base64. */
  privateKey: z.base64().max(16 * 1024),
  tenancyId: z.string().min(1).max(512),
});

export function encodeSession({ keyId, privateKey, tenancyId }: SigningSession): z.output<typeof record> {
  const encoded = privateKey.export({ format: "der", type: "pkcs8" }).toString("base64");
  return { token: keyId.reveal().slice(TOKEN_PREFIX.length), privateKey: encoded, tenancyId };
}

/** @returns undefined if `encoded` is not a complete session. */
export function decodeSession(encoded: unknown): SigningSession | undefined {
  const { data } = record.safeParse(encoded);
  if (data === undefined) return undefined;
  const key = Buffer.from(data.privateKey, "base64");
  const privateKey = resultIfAny(() => createPrivateKey({ key, format: "der", type: "pkcs8" }));
  if (privateKey?.asymmetricKeyType !== "rsa" || resultIfAny(() => sign("sha256", key, privateKey)) === undefined)
    return undefined;
  if (readSessionClaims(data.token, createPublicKey(privateKey))?.binding !== "ours") return undefined;
  return { keyId: new Secret(`${TOKEN_PREFIX}${data.token}`), privateKey, tenancyId: data.tenancyId };
}
