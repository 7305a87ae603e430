/**
 * A session as plain values, for memory that outlives the process, and back. What comes back is checked as if a
 * stranger had written it: it is a session only if the key is one and the token was made for it.
 *
 * The record is the secret itself. It belongs in memory that no other process reads, and on no disk.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { Secret } from "@ocir-broker/foundation";
import * as z from "zod";
import type { Session } from "./session.ts";
import { isTokenOfKey } from "./session-token.ts";

const record = z.object({
  token: z.string().max(64 * 1024),
  /** PKCS#8 DER in base64. */
  privateKey: z.base64().max(16 * 1024),
  tenancyId: z.string().min(1).max(512),
});

export type EncodedSession = z.output<typeof record>;

export function encodeSession({ token, privateKey, tenancyId }: Session): EncodedSession {
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  const encoded = der.toString("base64");
  der.fill(0);
  return { token: token.reveal(), privateKey: encoded, tenancyId };
}

/** @returns undefined for whatever is no whole session. */
export function decodeSession(encoded: unknown): Session | undefined {
  const { data } = record.safeParse(encoded);
  if (data === undefined) return undefined;
  const privateKey = decodeKey(data.privateKey);
  if (privateKey === undefined || !isTokenOfKey(data.token, createPublicKey(privateKey))) return undefined;
  return { token: new Secret(data.token), privateKey, tenancyId: data.tenancyId };
}

function decodeKey(base64: string): KeyObject | undefined {
  const der = Buffer.from(base64, "base64");
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } catch {
    return undefined;
  } finally {
    der.fill(0);
  }
}
