import { createPublicKey } from "node:crypto";
import { describe, expect, test } from "vitest";
import { send } from "../../test/raw-client.ts";
import { createSession, federate, fetchToken, readIdentity, sessionKeys } from "../../test/signed-requests.ts";
import { sharedSimulator } from "../for-tests.ts";
import { decodeJwt } from "../jwt.ts";

const simulator = await sharedSimulator();

const nowS = () => Date.now() / 1_000;
const claimsOf = (token: string) => decodeJwt(token)?.claims ?? {};

async function probe(token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  return (await send(simulator.registryUrl, { target: "/v2/ns/repo/manifests/latest", headers })).status;
}

describe("a security token with a flaw is sent, and is not accepted afterwards:", () => {
  test("expired", async () => {
    simulator.faults({ endpoint: "auth.x509", times: 1, token: "expired" });
    const session = await createSession(simulator);
    expect(Number(claimsOf(session)["exp"])).toBeLessThan(nowS());
    expect((await fetchToken(simulator, session)).status).toBe(401);
  });

  test("without-exp", async () => {
    simulator.faults({ endpoint: "auth.x509", times: 1, token: "without-exp" });
    const session = await createSession(simulator);
    expect(claimsOf(session)).not.toHaveProperty("exp");
    expect((await fetchToken(simulator, session)).status).toBe(401);
  });

  test("foreign-key", async () => {
    simulator.faults({ endpoint: "auth.x509", times: 1, token: "foreign-key" });
    const session = await createSession(simulator);
    const { n } = JSON.parse(String(claimsOf(session)["jwk"]));
    expect(n).not.toBe(createPublicKey(sessionKeys.privateKey).export({ format: "jwk" }).n);
    expect((await fetchToken(simulator, session)).status).toBe(401);
  });
});

describe("a registry token with a flaw:", () => {
  test("expired is refused by the registry", async () => {
    simulator.faults({ endpoint: "registry.token", times: 1, token: "expired" });
    const { json } = await fetchToken(simulator, await createSession(simulator));
    expect(Number(claimsOf(json.token)["exp"])).toBeLessThan(nowS());
    expect(json.expires_in).toBe(0);
    expect(await probe(json.token)).toBe(401);
  });

  test("without-exp still ends when expires_in says", async () => {
    simulator.faults({ endpoint: "registry.token", times: 1, token: "without-exp" });
    const { json } = await fetchToken(simulator, await createSession(simulator));
    expect(claimsOf(json.token)).not.toHaveProperty("exp");
    expect(json.expires_in).toBe(3_600);
    expect(await probe(json.token)).toBe(200);
  });

  test("anonymous is nobody's, though the request was signed, and a bad signature is refused all the same", async () => {
    simulator.faults({ endpoint: "registry.token", token: "anonymous" });
    const session = await createSession(simulator);
    const { json } = await fetchToken(simulator, session);
    expect(claimsOf(json.token)["sub"]).toBe("anonymous");
    expect(await probe(json.token)).toBe(403);
    expect((await fetchToken(simulator, `${session}x`)).status).toBe(401);
  });
});

describe("identity documents:", () => {
  test("mismatch sends a certificate that the key does not fit, which the auth service refuses with any key", async () => {
    const identity = await readIdentity(simulator);
    simulator.faults({ endpoint: "metadata.cert", times: 1, mismatch: true });
    const spoilt = await readIdentity(simulator);
    expect(spoilt.leaf.checkPrivateKey(spoilt.leafKey)).toBe(false);
    expect(spoilt.leaf.verify(identity.intermediate.publicKey)).toBe(true);
    expect((await federate(simulator, spoilt)).status).toBe(401);
  });

  test("mismatch sends a key that the certificate does not fit", async () => {
    simulator.faults({ endpoint: "metadata.key", times: 1, mismatch: true });
    const spoilt = await readIdentity(simulator);
    expect(spoilt.leaf.checkPrivateKey(spoilt.leafKey)).toBe(false);
  });

  test("mismatch sends an intermediate that has not issued the leaf, which the auth service refuses", async () => {
    simulator.faults({ endpoint: "metadata.intermediate", times: 1, mismatch: true });
    const spoilt = await readIdentity(simulator);
    expect(spoilt.leaf.checkIssued(spoilt.intermediate)).toBe(false);
    expect((await federate(simulator, spoilt)).status).toBe(401);
  });

  test("rotate replaces the leaf in the middle of the reading", async () => {
    const before = await readIdentity(simulator);
    simulator.faults({ endpoint: "metadata.key", times: 1, rotate: true });
    const headers = { authorization: "Bearer Oracle" };
    const leafThen = (await send(simulator.metadataUrl, { target: "/opc/v2/identity/cert.pem", headers })).text;
    await send(simulator.metadataUrl, { target: "/opc/v2/identity/key.pem", headers });
    const after = await readIdentity(simulator);
    expect(leafThen).toContain(before.leaf.toString().trim());
    expect(after.leaf.fingerprint).not.toBe(before.leaf.fingerprint);
  });
});

test("refuse closes the service's door until the faults are cleared, and no other's", async () => {
  const ask = (origin: URL) => send(origin, { target: "/" });
  simulator.faults({ endpoint: "auth.*", refuse: true });
  expect((await ask(simulator.authUrl)).status).toBe(0);
  expect(await ask(simulator.authUrl)).toMatchObject({ status: 0, ending: "reset" });
  expect((await ask(simulator.registryUrl)).status).toBe(404);
  simulator.clearFaults();
  await expect.poll(async () => (await ask(simulator.authUrl)).status, { timeout: 30_000 }).toBe(404);
});
