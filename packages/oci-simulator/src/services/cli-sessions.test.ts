import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { pemOf, postSigned, sessionKeys } from "../../test/signed-requests.ts";
import { sharedSimulator } from "../for-tests.ts";

const simulator = await sharedSimulator();
const url = new URL("/v1/authentication/refresh", simulator.authUrl);
const { token } = await simulator.cliSession(pemOf(sessionKeys.publicKey));
const resource = await simulator.resourceToken(pemOf(sessionKeys.publicKey));
const { token: other } = await simulator.cliSession(pemOf(sessionKeys.publicKey));
const { privateKey: foreignKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });

test.each([
  ["a person's session", 200, token, token, sessionKeys.privateKey],
  ["a resource principal's session", 401, resource, resource, sessionKeys.privateKey],
  ["another session than the one that signs", 401, token, other, sessionKeys.privateKey],
  ["a session, signed with another key", 401, token, token, foreignKey],
])("the auth service responds to a refresh of %s with %i", async (_, status, signing, currentToken, key) => {
  expect((await postSigned(url, signing, { currentToken }, { draft: { key } })).status).toBe(status);
});
