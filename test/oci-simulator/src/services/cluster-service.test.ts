import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { send } from "../../test/raw-client.ts";
import { pemOf, sessionKeys } from "../../test/signed-requests.ts";
import { sharedSimulator } from "../for-tests.ts";
import { startSimulator } from "../simulator.ts";

const simulator = await sharedSimulator();

const PULLER = { namespace: "shop", serviceAccount: "puller" };

const EXCHANGE = { from: simulator, method: "POST", path: "/resourcePrincipalSessionTokens" };
const KEYS = { method: "GET", path: "/openid/v1/jwks" };

function ask(token?: string, to: Partial<typeof EXCHANGE> = {}, podKey: unknown = pemOf(sessionKeys.publicKey)) {
  const { from, method, path } = { ...EXCHANGE, ...to };
  const body = method === "POST" ? JSON.stringify({ podKey }) : "";
  const headers = {
    ...{ "content-type": "application/json", "content-length": String(body.length) },
    authorization: token && `Bearer ${token}`,
  };
  return send(from.clusterUrl, { method, target: path, headers, body, ca: from.clusterCaCertificate });
}

async function tokenOfAnotherCluster(): Promise<string> {
  await using other = await startSimulator();
  return await other.serviceAccountToken(PULLER);
}

test.each([
  ["no token", undefined, "no Bearer token"],
  ["another cluster's key", tokenOfAnotherCluster, "not signed"],
  ["another audience", () => simulator.serviceAccountToken({ ...PULLER, audience: "vault" }), "another audience"],
  ["an ended token", () => simulator.serviceAccountToken({ ...PULLER, lifeMs: -1_000 }), "has ended"],
])("the token exchange refuses %s", async (_name, issue, reason) => {
  expect((await ask(await issue?.())).status).toBe(401);
  expect(simulator.refusals().at(-1)?.reason).toContain(reason);
});

test("the token exchange accepts a token that is bound to no pod", async () => {
  expect((await ask(await simulator.serviceAccountToken({ ...PULLER, pod: null }))).status).toBe(200);
});

test("the token exchange refuses a list with one key", async () => {
  const token = await simulator.serviceAccountToken(PULLER);
  expect((await ask(token, {}, [pemOf(sessionKeys.publicKey)])).status).toBe(400);
  expect(simulator.refusals().at(-1)?.reason).toBe("✖ Invalid input: expected string, received array\n  → at podKey");
});

test("the token exchange refuses a short key, another path, and any request in a basic cluster", async () => {
  const token = await simulator.serviceAccountToken(PULLER);
  const short = pemOf(generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey);
  expect((await ask(token, {}, short)).status).toBe(400);
  expect((await ask(token, { path: "/" })).status).toBe(404);
  simulator.clusterType("basic");
  const { status, headers, json } = await ask(token);
  expect([status, json]).toEqual([403, { code: "Forbidden", message: "node not authorized" }]);
  expect(headers["opc-request-id"]).toMatch(/^[0-9A-F]{32}(\/[0-9A-F]{32}){2}$/);
});

test("the JWKS requires a service account token, and lets a second cluster accept tokens of the first", async () => {
  const token = await simulator.serviceAccountToken(PULLER);
  expect((await ask(undefined, KEYS)).status).toBe(401);
  const keys = (await ask(token, KEYS)).json;
  const issuer = "https://kubernetes.default.svc.cluster.local";
  await using second = await startSimulator({ serviceAccountIssuer: { issuer, audience: issuer, keys } });
  expect((await ask(token, { from: second })).status).toBe(200);
});
