import { expect, test } from "vitest";
import { CLAIMS, tokenOf } from "../../test/service-account-tokens.ts";
import { readServiceAccountClaims } from "./service-account-token.ts";

test("readServiceAccountClaims reads the service account, the audiences and the expiry", () => {
  const { iss, exp, ...rest } = CLAIMS;
  expect(readServiceAccountClaims(tokenOf({ iss, exp, ...rest, aud: iss }))).toEqual({
    issuer: iss,
    audiences: [iss],
    namespace: "shop",
    name: "puller",
    uid: "1-2-3",
    expiresAtWallMs: exp * 1_000,
  });
});

test.each([
  ["no issuer", { iss: undefined }],
  ["an empty list of audiences", { aud: [] }],
  ["an expiry that is not a number", { exp: "3600" }],
  ["no claim of Kubernetes", { "kubernetes.io": undefined }],
  ["an old token, without UID", { "kubernetes.io": { namespace: "shop", serviceaccount: { name: "puller" } } }],
  ["an empty UID", { "kubernetes.io": { namespace: "shop", serviceaccount: { name: "puller", uid: "" } } }],
])("readServiceAccountClaims refuses %s", (_name, change) => {
  const read = () => readServiceAccountClaims(tokenOf({ ...CLAIMS, ...change }));
  expect(read).toThrow(expect.objectContaining({ code: "service-account-token-unreadable", retryable: false }));
});
