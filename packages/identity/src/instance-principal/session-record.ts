/**
 * An instance principal's session as plain values, for the handover to the next process, and back.
 *
 * The record is as secret as the session. Only the daemon's user and root may read it, and it belongs on no disk.
 */
import { createPrivateKey } from "node:crypto";
import { Secret } from "@ocir-broker/foundation/secret";
import * as z from "zod";
import type { SigningSession } from "../identity-provider.ts";

const record = z.object({
  keyId: z.string(),
  /** PKCS#8 DER in base64. */
  privateKey: z.string(),
});

export function encodeSession({ keyId, privateKey }: SigningSession): z.output<typeof record> {
  const encoded = privateKey.export({ format: "der", type: "pkcs8" }).toString("base64");
  return { keyId: keyId.reveal(), privateKey: encoded };
}

/** @returns undefined if `encoded` is not a session. */
export function decodeSession(encoded: unknown): SigningSession | undefined {
  const { data } = record.safeParse(encoded);
  if (data === undefined) return undefined;
  const key = Buffer.from(data.privateKey, "base64");
  return { keyId: new Secret(data.keyId), privateKey: createPrivateKey({ key, format: "der", type: "pkcs8" }) };
}
