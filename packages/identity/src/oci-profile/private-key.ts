/** Reads private keys in PEM: PKCS#1 and PKCS#8, plain or encrypted. Drops OpenSSL's errors, because they may quote the key. */
import { createPrivateKey, createPublicKey, hash, type KeyObject } from "node:crypto";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { IdentityError } from "../identity-error.ts";
import { readPrivateFile } from "./private-file.ts";
import type { Profile } from "./profile.ts";

/** `key_content` of the environment, or the file `key_file`. @throws {IdentityError} `key-*`, `identity-file-*`, `oci-config-incomplete` */
export function readProfileKey(profile: Profile): KeyObject {
  const passPhrase = profile.find("pass_phrase") ?? profile.find("passphrase");
  const content = profile.find("key_content");
  if (content !== undefined) return decodePrivateKey(content, passPhrase, profile.placeOf("key_content"));
  const place = profile.placeOf("key_file");
  return decodePrivateKey(readPrivateFile(profile.path("key_file"), place), passPhrase, place);
}

/** @throws {IdentityError} `key-encrypted`, `key-invalid` */
export function decodePrivateKey(pem: string, passPhrase: string | undefined, place: string): KeyObject {
  const key = resultIfAny(() =>
    createPrivateKey({ key: pem, ...(passPhrase === undefined ? {} : { passphrase: passPhrase }) }),
  );
  if (key?.asymmetricKeyType === "rsa") return key;
  // Both "BEGIN ENCRYPTED PRIVATE KEY" and PKCS#1's "Proc-Type: 4,ENCRYPTED".
  throw new IdentityError(key === undefined && pem.includes("ENCRYPTED") ? "key-encrypted" : "key-invalid", place);
}

/** Oracle's name of an API key: MD5 over the public key's DER form, in pairs of digits. It authenticates nothing. */
export function fingerprintOf(privateKey: KeyObject): string {
  const der = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return hash("md5", der).replace(/..(?=.)/g, "$&:");
}
