import { createHash, generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { send } from "../../test/raw-client.ts";
import { type Alteration, fetchToken } from "../../test/signed-requests.ts";
import { sharedSimulator } from "../for-tests.ts";
import type { ApiKeySettings } from "../index.ts";

const userKeys = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const publicKey = String(userKeys.publicKey.export({ type: "spki", format: "pem" }));

const simulator = await sharedSimulator();
const settings = simulator.addApiKey(publicKey);

/** Signs a draft with the user's key. */
const asUser = (change: Partial<ApiKeySettings> = {}, key = userKeys.privateKey): Alteration => ({
  draft: () => {
    const { tenancy, user, fingerprint } = { ...settings, ...change };
    return { keyId: `${tenancy}/${user}/${fingerprint}`, key };
  },
});

test("a request signed with an API key gets a token of its user, who may pull and push whatever the node may", async () => {
  simulator.iam({ granted: false });
  const { status, json } = await fetchToken(simulator, "", asUser());
  expect([status, json.expires_in]).toEqual([200, 3_600]);
  const claims = JSON.parse(Buffer.from(json.token.split(".")[1], "base64url").toString());
  expect(claims).toMatchObject({ sub: settings.user, tenant: simulator.instance.tenancyId });
  const headers = { authorization: `Bearer ${json.token}` };
  expect((await send(simulator.registryUrl, { target: "/v2/ns/repo/manifests/1", headers })).status).toBe(200);

  const password = Buffer.from(`BEARER_TOKEN:${json.token}`).toString("base64");
  const target = "/20180419/docker/token?scope=repository:ns/repo:pull,push";
  const exchanged = await send(simulator.registryUrl, { target, headers: { authorization: `Basic ${password}` } });
  const { access } = JSON.parse(Buffer.from(exchanged.json.token.split(".")[1], "base64url").toString());
  expect(access).toEqual([{ type: "repository", name: "ns/repo", actions: ["pull", "push"] }]);
});

test("the fingerprint is the Console's: MD5 over the public key's DER form, in pairs", () => {
  const md5 = createHash("md5")
    .update(userKeys.publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
  expect(settings.fingerprint).toMatch(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
  expect(settings.fingerprint.replaceAll(":", "")).toBe(md5);
  expect(settings).toMatchObject({ tenancy: simulator.instance.tenancyId, region: "us-ashburn-1" });
});

test.each<[string, Alteration]>([
  ["another tenancy", asUser({ tenancy: "ocid1.tenancy.oc1..other" })],
  ["another user", asUser({ user: "ocid1.user.oc1..other" })],
  ["a fingerprint that no key has", asUser({ fingerprint: "00:11" })],
  ["another key", asUser({}, generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey)],
])("%s is refused with 401 NotAuthenticated", async (_, alteration) => {
  const { status, json } = await fetchToken(simulator, "", alteration);
  expect([status, json.code]).toEqual([401, "NotAuthenticated"]);
});

test.each([
  ["the private half", String(userKeys.privateKey.export({ type: "pkcs8", format: "pem" }))],
  [
    "a key that is not RSA",
    generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString(),
  ],
  ["no key", "x"],
])("%s is no API key", (_, pem) => {
  expect(() => simulator.addApiKey(pem)).toThrow("an API key is a public RSA key in PEM");
});
