import { createPrivateKey, createSecretKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { type SendRequest, UpstreamError } from "@ocir-broker/foundation/upstream";
import { createImpatientClock } from "@ocir-broker/testkit/impatient-clock";
import { createIdentityAuthority } from "@ocir-broker/testkit/instance-identity";
import { expect, test } from "vitest";
import { federate } from "./federation.ts";
import { sessionLifeMs } from "./session-token.ts";

const identity = await (await createIdentityAuthority()).issue({
  tenancyId: "t",
  notBeforeMs: 0,
  notAfterMs: 4_000_000_000_000,
});
const certificate = new X509Certificate(identity.certificatePem);
const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });

async function failureOf(privateKey: KeyObject, send: SendRequest): Promise<unknown> {
  const leaf = { certificate, privateKey, intermediates: [], tenancyId: "t" };
  const options = { clock: createImpatientClock(), send };
  const federated = federate(new URL("https://auth.test"), leaf, publicKey, options, new AbortController().signal);
  return federated.catch((thrown: unknown) => thrown);
}

test("federate reports a key that cannot sign without OpenSSL's error, which may quote the key", async () => {
  const error = await failureOf(createSecretKey("secret", "utf8"), () => Promise.reject(new TypeError("not reached")));

  expect(error).toMatchObject({ code: "sdk-failed", message: expect.stringContaining("auth.test") });
  expect(error).not.toHaveProperty("cause");
});

test.each([
  ["aborted", "aborted"],
  ["upstream-response-too-large", "federation-invalid"],
  ["timeout", "federation-unreachable"],
  ["refused", "federation-unreachable"],
  ["name-not-found", "federation-name-not-resolved"],
  ["name-not-resolved", "federation-name-not-resolved"],
  ["proxy-refused", "federation-proxy-refused"],
  ["proxy-unreachable", "federation-proxy-unreachable"],
  ["tls", "federation-tls"],
] as const)("federate reports an upstream error %s as %s", async (cause, code) => {
  const send = () => Promise.reject(new UpstreamError(cause, "auth.test"));

  expect(await failureOf(createPrivateKey(identity.keyPem), send)).toMatchObject({ code, cause: { code: cause } });
});

test.each([
  ["exp minus the server's date", { iat: 1_000, exp: 2_200 }, 1_100_000, 1_100_000],
  ["exp minus iat if the server sends no date", { iat: 1_000, exp: 2_200 }, undefined, 1_200_000],
  ["at most exp minus iat", { iat: 1_000, exp: 2_200 }, 0, 1_200_000],
  ["at most a day", { iat: 1_000, exp: 2_200_000 }, undefined, 86_400_000],
])("sessionLifeMs is %s", (_what, claims, serverDateMs, lifeMs) => {
  expect(sessionLifeMs(claims, serverDateMs)).toBe(lifeMs);
});
