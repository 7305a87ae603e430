/** The public keys that clients send for their sessions. */
import { createPublicKey, type KeyObject } from "node:crypto";
import { Refusal } from "../http/refusal.ts";

const MIN_KEY_BITS = 2_048;

/** @param value base64 of SPKI. @throws {Refusal} InvalidParameter for anything but RSA of 2048 bits or more */
export function parseSessionKey(value: unknown, field: string): KeyObject {
  const der = parseDer(value, field);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: der, format: "der", type: "spki" });
  } catch (cause) {
    throw new Refusal("InvalidParameter", `${field} cannot be read: ${cause}`);
  }
  if (key.asymmetricKeyType !== "rsa" || (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_KEY_BITS)
    throw new Refusal("InvalidParameter", `${field} is not RSA of 2048 bits or more`);
  return key;
}

/** Base64 of DER: no PEM armour, no line ends. @throws {Refusal} InvalidParameter */
export function parseDer(value: unknown, field: string): Buffer {
  const bytes = Buffer.from(String(value), "base64");
  if (typeof value !== "string" || bytes.length === 0 || bytes.toString("base64") !== value)
    throw new Refusal("InvalidParameter", `${field} is not base64 on one line`);
  return bytes;
}
