/** Oracle's own SDK, as it comes from npm, against the simulator. */
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import common from "oci-common";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Simulator, startSimulator } from "./index.ts";

let simulator: Simulator;

beforeAll(async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  simulator = await startSimulator();
});

afterAll(() => simulator.close());

test("oci-common gets a session from the metadata and auth service, and a registry token with it", async () => {
  const builder = new common.InstancePrincipalsAuthenticationDetailsProviderBuilder();
  builder.metadataBaseUrl = simulator.metadataUrl.href;
  builder.federationEndpoint = simulator.authUrl.origin;
  const provider = await builder.build();

  const keyId = await provider.getKeyId();
  expect(keyId).toMatch(/^ST\$/);
  const claims = claimsOf(keyId.slice(3));
  expect(claims).toMatchObject({
    sub: simulator.instance.instanceId,
    tenant: simulator.instance.tenancyId,
    aud: "oci",
  });
  expect(claims.exp - claims.iat).toBe(1_200);
  const { n } = createPrivateKey(provider.getPrivateKey()).export({ format: "jwk" });
  expect(JSON.parse(claims.jwk)).toMatchObject({ n, e: "AQAB", kty: "RSA" });

  const response = await fetchToken(provider);
  expect(response.status).toBe(200);
  const body = (await response.json()) as { token: string };
  expect(body).toMatchObject({ access_token: body.token, expires_in: 3_600 });
  expect(claimsOf(body.token)).toMatchObject({ sub: simulator.instance.instanceId, aud: simulator.registryUrl.host });

  expect(simulator.requests()).toMatchObject({
    "metadata.cert": 2,
    "metadata.key": 2,
    "metadata.intermediate": 2,
    "auth.x509": 1,
    "registry.token": 1,
    "registry.anonymousToken": 0,
  });
  expect(simulator.refusals()).toEqual([]);
  provider.closeProvider();
  (builder.circuitBreaker as unknown as { shutdown(): void }).shutdown();
});

test("oci-common gets a registry token with a user's API key", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const { tenancy, user, fingerprint } = simulator.addApiKey(String(publicKey.export({ type: "spki", format: "pem" })));
  const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }));
  const provider = new common.SimpleAuthenticationDetailsProvider(tenancy, user, fingerprint, pem, null);
  const { token } = (await (await fetchToken(provider)).json()) as { token: string };
  expect(claimsOf(token)).toMatchObject({ sub: user, tenant: tenancy, aud: simulator.registryUrl.host });
});

async function fetchToken(provider: common.AuthenticationDetailsProvider): Promise<Response> {
  const uri = `${simulator.registryUrl.origin}/20180419/docker/token`;
  const request = { uri, method: "GET", headers: new Headers() } as const;
  await new common.DefaultRequestSigner(provider).signHttpRequest(request);
  return fetch(uri, { headers: request.headers });
}

function claimsOf(token: string) {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}
