import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { createIdentityAuthority } from "@ocir-broker/testkit/instance-identity";
import { InstancePrincipalsAuthenticationDetailsProviderBuilder } from "oci-common";
import { expect, test } from "vitest";
import { createFederationRequest } from "./federation.ts";

const NOON_MS = Date.parse("2026-01-01T12:00:00Z");
const identity = await (await createIdentityAuthority()).issue({
  tenancyId: "ocid1.tenancy.oc1..a",
  notBeforeMs: 0,
  notAfterMs: 4_000_000_000_000,
});
const leaf = {
  certificate: new X509Certificate(identity.certificatePem),
  privateKey: createPrivateKey(identity.keyPem),
  intermediates: [new X509Certificate(identity.intermediatePem)],
  tenancyId: "ocid1.tenancy.oc1..a",
};
const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });

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
