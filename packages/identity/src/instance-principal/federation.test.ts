import { createPrivateKey, createSecretKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { UpstreamError } from "@ocir-broker/foundation";
import { createIdentityAuthority, createImpatientClock } from "@ocir-broker/testkit";
import { expect, test } from "vitest";
import { federate } from "./federation.ts";

const identity = createIdentityAuthority().issue({ tenancyId: "t", notBeforeMs: 0, notAfterMs: 4_000_000_000_000 });
const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const forever = new AbortController().signal;

test("federate reports a key that cannot sign, without OpenSSL's error, which may quote the key", async () => {
  const certificate = new X509Certificate(identity.certificatePem);
  const leaf = { certificate, privateKey: createSecretKey("secret", "utf8"), intermediates: [], tenancyId: "t" };
  const options = {
    clock: createImpatientClock(),
    send: () => Promise.reject(new TypeError("must not be reached")),
  };

  const error = await federate(new URL("https://auth.test"), leaf, publicKey, options, forever).catch(
    (thrown: unknown) => thrown,
  );

  expect(error).toMatchObject({ code: "sdk-failed", message: expect.stringContaining("auth.test") });
  expect(error).not.toHaveProperty("cause");
});

test.each([
  ["aborted", "aborted"],
  ["answer-too-large", "federation-invalid"],
  ["timeout", "federation-unreachable"],
  ["refused", "federation-unreachable"],
  ["name-not-found", "federation-name-not-resolved"],
  ["name-not-resolved", "federation-name-not-resolved"],
  ["proxy-refused", "federation-proxy-refused"],
  ["tls", "federation-tls"],
] as const)("federate calls an exchange that ended with %s %s", async (cause, code) => {
  const { certificatePem, keyPem } = identity;
  const leaf = {
    certificate: new X509Certificate(certificatePem),
    privateKey: createPrivateKey(keyPem),
    intermediates: [],
    tenancyId: "t",
  };
  const send = () => Promise.reject(new UpstreamError(cause, "auth.test"));
  const options = { clock: createImpatientClock(), send };

  await expect(federate(new URL("https://auth.test"), leaf, publicKey, options, forever)).rejects.toMatchObject({
    code,
  });
});
