import { generateKeyPairSync } from "node:crypto";
import { Secret } from "@ocir-broker/foundation/secret";
import { expect, test } from "vitest";
import { decodeSession, encodeSession } from "./session-record.ts";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const whole = encodeSession({ keyId: new Secret("ST$a.b.c"), privateKey });

test("decodeSession returns what encodeSession was given", () => {
  const { keyId, privateKey: decoded } = decodeSession(whole) ?? expect.unreachable();
  expect(keyId.reveal()).toBe("ST$a.b.c");
  expect(decoded.equals(privateKey)).toBe(true);
});

test.each([
  ["is nothing", undefined],
  ["is text", "session"],
  ["lacks its key id", { ...whole, keyId: undefined }],
  ["lacks its key", { ...whole, privateKey: undefined }],
])("decodeSession refuses a record that %s", (_what, encoded) => {
  expect(decodeSession(encoded)).toBeUndefined();
});
