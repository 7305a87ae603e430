import { generateKeyPairSync } from "node:crypto";
import { Secret } from "@ocir-broker/foundation/secret";
import { jwtOf } from "@ocir-broker/testkit/jwt";
import { expect, test } from "vitest";
import type { SigningSession } from "../identity-provider.ts";
import { decodeSession, encodeSession } from "./session-record.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const other = generateKeyPairSync("rsa", { modulusLength: 2_048 });

const tokenFor = (key: typeof publicKey) =>
  jwtOf({ iat: 1, exp: 2, jwk: JSON.stringify(key.export({ format: "jwk" })) });

const session: SigningSession = {
  keyId: new Secret(`ST$${tokenFor(publicKey)}`),
  privateKey,
  tenancyId: "ocid1.tenancy.oc1..a",
};

const whole = encodeSession(session);
/** Of two lines, as no header may be. */
const folded = whole.token.replace(/[^.]+$/, "a\nb");
const pkcs8 = (key: typeof privateKey) => key.export({ format: "der", type: "pkcs8" }).toString("base64");

function withoutPrime(): string {
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  const prime = Buffer.from(privateKey.export({ format: "jwk" }).p ?? "", "base64url");
  return der.fill(0, der.indexOf(prime), der.indexOf(prime) + prime.length).toString("base64");
}

test.each([
  ["is nothing", undefined],
  ["is text", "session"],
  ["lacks its token", { ...whole, token: undefined }],
  ["has an invalid token", { ...whole, token: "a.b.c" }],
  ["has a token of another key", { ...whole, token: tokenFor(other.publicKey) }],
  ["has another key", { ...whole, privateKey: pkcs8(other.privateKey) }],
  ["has a key of another kind", { ...whole, privateKey: pkcs8(generateKeyPairSync("ed25519").privateKey) }],
  ["has a DSA key", { ...whole, privateKey: pkcs8(generateKeyPairSync("dsa", { modulusLength: 1_024 }).privateKey) }],
  ["has a key that cannot sign", { ...whole, privateKey: withoutPrime() }],
  ["has a token of two lines", { ...whole, token: folded }],
  ["has a truncated key", { ...whole, privateKey: whole.privateKey.slice(0, 400) }],
  ["has a key that is not base64", { ...whole, privateKey: "-----" }],
  ["has no tenancy", { ...whole, tenancyId: "" }],
])("decodeSession refuses a session that %s", (_what, encoded) => {
  expect(decodeSession(encoded)).toBeUndefined();
});
