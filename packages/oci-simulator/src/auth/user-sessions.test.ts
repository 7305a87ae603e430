import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { expect, test } from "vitest";
import { send } from "../../test/raw-client.ts";
import { fetchToken } from "../../test/signed-requests.ts";
import { sharedSimulator } from "../for-tests.ts";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const pem = String(publicKey.export({ type: "spki", format: "pem" }));

const simulator = await sharedSimulator();
const session = await simulator.userSession(pem);

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split(".")[1] as string, "base64url").toString());
const signedWith = (token: string) => ({ draft: () => ({ keyId: `ST$${token}`, key: privateKey }) });
const pull = async (token: string) =>
  (
    await send(simulator.registryUrl, {
      target: "/v2/ns/repo/manifests/1",
      headers: { authorization: `Bearer ${token}` },
    })
  ).status;

test("a person's session has the user's rights, and none outside the group", async () => {
  const { json } = await fetchToken(simulator, "", signedWith(session.token));
  expect(claimsOf(json.token)).toMatchObject({ sub: session.user, ptype: "user" });
  simulator.iam({ granted: false });
  expect(await pull(json.token)).toBe(200);
  simulator.iam({ userGroup: false });
  expect(await pull(json.token)).toBe(403);
});

test("a resource principal has the dynamic group's rights", async () => {
  const { json } = await fetchToken(simulator, "", signedWith(await simulator.resourceToken(pem)));
  expect(claimsOf(json.token)).toMatchObject({ ptype: "resource", tenant: simulator.instance.tenancyId });
  expect(await pull(json.token)).toBe(200);
  simulator.iam({ granted: false });
  expect(await pull(json.token)).toBe(403);
});

function refresh(keyToken: string, currentToken: string, key = privateKey) {
  const body = JSON.stringify({ currentToken });
  const date = new Date().toUTCString();
  const headers = {
    date,
    host: simulator.authUrl.host,
    "content-length": String(body.length),
    "content-type": "application/json",
    "x-content-sha256": createHash("sha256").update(body).digest("base64"),
  };
  const covered = ["date", "(request-target)", "host", "content-length", "content-type", "x-content-sha256"] as const;
  const lines = covered.map((name) =>
    name === "(request-target)" ? `${name}: post /v1/authentication/refresh` : `${name}: ${headers[name]}`,
  );
  const signature = sign("sha256", Buffer.from(lines.join("\n")), key).toString("base64");
  const authorization = `Signature version="1",keyId="ST$${keyToken}",algorithm="rsa-sha256",headers="${covered.join(" ")}",signature="${signature}"`;
  return send(simulator.authUrl, {
    method: "POST",
    target: "/v1/authentication/refresh",
    headers: { ...headers, authorization },
    body,
  });
}

test("the auth service refreshes a person's session, and no other", async () => {
  const { status, json } = await refresh(session.token, session.token);
  expect([status, claimsOf(json.token).sub]).toEqual([200, session.user]);
  expect(json.token).not.toBe(session.token);
  const resource = await simulator.resourceToken(pem);
  const foreign = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
  for (const refused of [
    refresh(resource, resource),
    refresh(session.token, json.token),
    refresh(session.token, session.token, foreign),
  ])
    expect((await refused).status).toBe(401);
});
