import { createPrivateKey, createSecretKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { type SendRequest, UpstreamError } from "@ocir-broker/foundation/upstream";
import { createImpatientClock } from "@ocir-broker/testkit/impatient-clock";
import { createIdentityAuthority } from "@ocir-broker/testkit/instance-identity";
import { InstancePrincipalsAuthenticationDetailsProviderBuilder } from "oci-common";
import { expect, test } from "vitest";
import { createFederationRequest, federate } from "./federation.ts";
import { sessionLifeMs } from "./session-token.ts";

const NOON_MS = Date.parse("2026-01-01T12:00:00Z");
const tenancyId = "ocid1.tenancy.oc1..a";
const identity = await (await createIdentityAuthority()).issue({
  tenancyId,
  notBeforeMs: 0,
  notAfterMs: 4_000_000_000_000,
});
const leaf = {
  certificate: new X509Certificate(identity.certificatePem),
  privateKey: createPrivateKey(identity.keyPem),
  intermediates: [new X509Certificate(identity.intermediatePem)],
  tenancyId,
};
const keys = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const { publicKey } = keys;

async function failureOf(privateKey: KeyObject, send: SendRequest): Promise<unknown> {
  const url = new URL("https://auth.test");
  const options = { clock: createImpatientClock(), send };
  const { signal } = new AbortController();
  return federate(url, { ...leaf, privateKey }, keys, options, signal).catch((thrown: unknown) => thrown);
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

  expect(await failureOf(leaf.privateKey, send)).toMatchObject({ code, cause: { code: cause } });
});

test.each([
  ["exp minus the server's date", { iat: 1_000, exp: 2_200 }, 1_100_000, 1_100_000],
  ["exp minus iat if the server sends no date", { iat: 1_000, exp: 2_200 }, undefined, 1_200_000],
  ["at most exp minus iat", { iat: 1_000, exp: 2_200 }, 0, 1_200_000],
  ["at most a day", { iat: 1_000, exp: 2_200_000 }, undefined, 86_400_000],
])("sessionLifeMs is %s", (_what, claims, serverDateMs, lifeMs) => {
  expect(sessionLifeMs(claims, serverDateMs)).toBe(lifeMs);
});

test.each(["https://auth.us-ashburn-1.oraclecloud.com", "http://127.0.0.1:18080/"])(
  "createFederationRequest sends to %s what oci-common's federation client sends",
  async (authUrl) => {
    const { url, headers, body } = createFederationRequest(new URL(authUrl), leaf, publicKey, NOON_MS);

    expect({ url: url.href, headers, body }).toEqual(await requestOfOciCommon(new URL(authUrl), publicKey, NOON_MS));
  },
);

/** The reference reaches into private members of the SDK, so it is in a test only; the signature is deterministic. */
async function requestOfOciCommon(authUrl: URL, sessionPublicKey: KeyObject, wallMs: number) {
  const builder = new InstancePrincipalsAuthenticationDetailsProviderBuilder();
  for (const breaker of [builder["_circuitBreaker"], builder.authCircuitBreaker.circuit]) breaker.shutdown();
  builder.federationEndpoint = authUrl.href.replace(/\/+$/, "");
  builder.tenancyId = leaf.tenancyId;
  builder.leafCertificateSupplier = supplierOf(leaf.certificate, leaf.privateKey);
  builder["_intermediateCertificateSuppliers"] = leaf.intermediates.map((each) => supplierOf(each));
  const keys = { getPublic: () => sessionPublicKey.export({ type: "spki", format: "pem" }) };
  const client = builder["createFederationClient"]({
    getKeyPair: () => keys,
    refreshKeys: () => undefined,
    // biome-ignore lint/suspicious/noExplicitAny: stands for classes that the SDK does not export
  } as any) as any;
  const { signer } = client.httpClient;
  let sent: unknown;
  client.httpClient.send = async (request: { uri: string; headers: Headers; body: string }) => {
    for (const name of ["date", "x-date"]) request.headers.set(name, new Date(wallMs).toUTCString());
    await signer.signHttpRequest(request);
    sent = { url: request.uri, headers: Object.fromEntries(request.headers), body: request.body };
    return Response.json({ token: "" });
  };
  await client.getSecurityToken();
  return sent;
}

function supplierOf(certificate: X509Certificate, privateKey?: KeyObject) {
  const pair = {
    getCertificate: () => ({
      toString: () => certificate.toString(),
      fingerprint: () => ({ toString: () => certificate.fingerprint.toLowerCase() }),
    }),
    getPrivateKey: () => privateKey && { toBuffer: () => privateKey.export({ type: "pkcs8", format: "pem" }) },
  };
  // biome-ignore lint/suspicious/noExplicitAny: stands for a class that the SDK does not export
  return { getCertificateAndKeyPair: () => pair } as any;
}
