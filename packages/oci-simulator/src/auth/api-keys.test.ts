import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { type Alteration, fetchToken, pemOf } from "../../test/signed-requests.ts";
import { sharedSimulator } from "../for-tests.ts";

const userKeys = generateKeyPairSync("rsa", { modulusLength: 2_048 });

const simulator = await sharedSimulator();
const settings = simulator.addApiKey(pemOf(userKeys.publicKey));

/** Signs a draft with the user's key. */
const asUser = (fingerprint = settings.fingerprint, key = userKeys.privateKey): Alteration => ({
  draft: { keyId: `${settings.tenancy}/${settings.user}/${fingerprint}`, key },
});

test.each<[string, number, Alteration]>([
  ["the user's own", 200, asUser()],
  ["a fingerprint that no key has", 401, asUser("00:11")],
  ["another key", 401, asUser(undefined, generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey)],
])("a request signed with an API key, %s, gets %i", async (_, status, alteration) => {
  expect((await fetchToken(simulator, "", alteration)).status).toBe(status);
});

test.each([
  ["the private half", String(userKeys.privateKey.export({ type: "pkcs8", format: "pem" }))],
  ["a key that is not RSA", pemOf(generateKeyPairSync("ed25519").publicKey)],
  ["no key", "x"],
])("the simulator rejects %s as an API key", (_, pem) => {
  expect(() => simulator.addApiKey(pem)).toThrow("an API key is a public RSA key in PEM");
});
