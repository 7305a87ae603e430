/** A valid session of an instance principal, for tests. */
import { generateKeyPairSync } from "node:crypto";
import { Secret } from "@ocir-broker/foundation";
import type { SigningSession } from "@ocir-broker/identity";

export function createSession(): SigningSession {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const claims = { iat: 1, exp: 2, jwk: JSON.stringify(publicKey.export({ format: "jwk" })) };
  const token = `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.signature`;
  return { keyId: new Secret(`ST$${token}`), privateKey, tenancyId: "ocid1.tenancy.oc1..a" };
}
