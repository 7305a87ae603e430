/**
 * The API keys of one user of the tenancy, an administrator. A key is added by its public key, as in Oracle's Console; requests
 * name it as `<tenancy>/<user>/<fingerprint>` (docs.oracle.com: "Request Signatures").
 */
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { notAuthenticated, Refusal } from "../http/refusal.ts";
import type { Claims } from "../jwt.ts";
import { ASHBURN, INSTANCE } from "../metadata/instance.ts";
import { serviceUserGroupOf } from "./session-tokens.ts";

/** The lines of `~/.oci/config` that the Console shows for a new key; only `key_file` is missing. */
export type ApiKeySettings = ReturnType<ReturnType<typeof createApiKeys>["add"]>;

const PTYPE = "user";

/** A person, not a service user. */
export function isUser(claims: Claims): boolean {
  return claims["ptype"] === PTYPE && serviceUserGroupOf(claims) === undefined;
}

export function createApiKeys() {
  const { userId: user, tenancyId: tenancy } = INSTANCE;
  const keys = new Map<string, { readonly publicKey: KeyObject; readonly claims: Claims }>();

  /** The settings of a key without adding it. @throws {Refusal} InvalidParameter for anything but a public RSA key in PEM. */
  function describe(publicKeyPem: string) {
    const publicKey = parsePublicKey(publicKeyPem);
    return { publicKey, settings: { user, fingerprint: fingerprintOf(publicKey), tenancy, region: ASHBURN.id } };
  }

  return {
    /** @throws {Refusal} as `describe` */
    add(publicKeyPem: string) {
      const { publicKey, settings } = describe(publicKeyPem);
      keys.set(`${tenancy}/${user}/${settings.fingerprint}`, {
        publicKey,
        claims: { sub: user, tenant: tenancy, ptype: PTYPE },
      });
      return settings;
    },
    describe,
    /** @throws {Refusal} NotAuthenticated for an unknown keyId. */
    find(keyId: string) {
      const key = keys.get(keyId);
      if (key === undefined) throw notAuthenticated("keyId is neither a session token nor a user's API key");
      return key;
    },
  };
}

function parsePublicKey(pem: string): KeyObject {
  const key = resultIfAny(() => createPublicKey(pem));
  if (pem.includes(" PUBLIC KEY-----") && key?.asymmetricKeyType === "rsa") return key;
  throw new Refusal("InvalidParameter", "an API key is a public RSA key in PEM");
}

/** Oracle's name of an API key: MD5 over the key's DER form, in pairs of digits. It authenticates nothing. */
function fingerprintOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: "spki", format: "der" });
  return createHash("md5")
    .update(der)
    .digest("hex")
    .replace(/..(?=.)/g, "$&:");
}
