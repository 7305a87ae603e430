import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { send } from "../test/raw-client.ts";
import { pemOf, sessionKeys } from "../test/signed-requests.ts";
import { sharedSimulator } from "./for-tests.ts";

const simulator = await sharedSimulator();

function control(method: string, target: string, body = "") {
  const headers = { "content-length": String(Buffer.byteLength(body)) };
  return send(simulator.controlUrl, { method, target, headers, body });
}

test("POST /reset clears faults, counts and refusals", async () => {
  expect((await control("POST", "/faults", '[{"endpoint":"metadata.other","status":500}]')).status).toBe(200);
  const statusOfMetadata = async () => (await send(simulator.metadataUrl, { target: "/" })).status;
  expect(await statusOfMetadata()).toBe(500);
  expect((await control("POST", "/reset")).status).toBe(200);
  expect(await statusOfMetadata()).toBe(404);
  expect((await control("GET", "/requests")).json["metadata.other"]).toBe(1);
  expect((await control("GET", "/refusals")).json).toEqual([
    { endpoint: "metadata.other", status: 404, reason: "no such path /" },
  ]);
});

test.each([
  ["POST", "/iam", "{", 400, "body is not JSON"],
  ["POST", "/iam", '{"toString":true}', 400, 'Unrecognized key: "toString"'],
  ["GET", "/faults", "", 404, "DELETE /faults"],
])("the control API responds to %s %s %s with %i", async (method, path, body, status, message) => {
  const response = await control(method, path, body);
  expect(response.status).toBe(status);
  expect(response.json.message).toContain(message);
});

test.each([
  ["the private half", String(sessionKeys.privateKey.export({ type: "pkcs8", format: "pem" }))],
  ["no key", "x"],
  ["a key that is not RSA", pemOf(generateKeyPairSync("ed25519").publicKey)],
])("the control API rejects %s as an API key", async (_, publicKey) => {
  const { status, json } = await control("POST", "/api-keys", JSON.stringify({ publicKey }));
  expect([status, json.message]).toEqual([400, "an API key is a public RSA key in PEM"]);
});
