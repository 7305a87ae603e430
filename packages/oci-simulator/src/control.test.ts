import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { send } from "../test/raw-client.ts";
import { createSession, fetchToken } from "../test/signed-requests.ts";
import { sharedSimulator } from "./for-tests.ts";

const simulator = await sharedSimulator();

function control(method: string, target: string, body = "") {
  const headers = { "content-length": String(Buffer.byteLength(body)) };
  return send(simulator.controlUrl, { method, target, headers, body });
}

async function pullStatus(): Promise<number> {
  const { json } = await fetchToken(simulator, await createSession(simulator));
  const headers = { authorization: `Bearer ${json.token}` };
  return (await send(simulator.registryUrl, { target: "/v2/ns/repo/manifests/latest", headers })).status;
}

describe("the control API", () => {
  test("GET /healthz", async () => {
    expect(await control("GET", "/healthz")).toMatchObject({ status: 200, json: { status: "ok" } });
  });

  test("GET /requests counts every endpoint, and none of its own", async () => {
    await control("POST", "/reset");
    await pullStatus();
    for (const path of ["regionInfo", "region", ""]) {
      const headers = { authorization: "Bearer Oracle" };
      await send(simulator.metadataUrl, { target: `/opc/v2/instance/${path}`, headers });
    }
    const { json } = await control("GET", "/requests");
    expect(json).toEqual({
      "metadata.regionInfo": 1,
      "metadata.region": 1,
      "metadata.cert": 1,
      "metadata.key": 1,
      "metadata.intermediate": 1,
      "metadata.other": 1,
      "auth.x509": 1,
      "auth.refresh": 0,
      "auth.other": 0,
      "cluster.exchange": 0,
      "cluster.keys": 0,
      "cluster.other": 0,
      "domain.token": 0,
      "domain.other": 0,
      "registry.token": 1,
      "registry.anonymousToken": 0,
      "registry.exchange": 0,
      "registry.v2": 0,
      "registry.manifest": 1,
      "registry.blob": 0,
      "registry.other": 0,
    });
  });

  test("POST /iam, POST /faults, and POST /reset, which undoes both", async () => {
    expect((await control("POST", "/iam", '{"granted":false,"repository":"ns/repo"}')).status).toBe(200);
    expect(await pullStatus()).toBe(403);
    expect((await control("POST", "/faults", '[{"endpoint":"metadata.other","status":500}]')).status).toBe(200);
    expect((await send(simulator.metadataUrl, { target: "/" })).status).toBe(500);
    expect((await control("GET", "/refusals")).json).toMatchObject([{ endpoint: "registry.manifest", status: 403 }]);
    expect((await control("POST", "/reset")).status).toBe(200);
    expect((await send(simulator.metadataUrl, { target: "/" })).status).toBe(404);
    expect(await pullStatus()).toBe(200);
    expect((await control("GET", "/requests")).json["registry.manifest"]).toBe(1);
  });

  test("DELETE /faults leaves the rest", async () => {
    await control("POST", "/iam", '{"dynamicGroup":false}');
    await control("POST", "/faults", '{"endpoint":"*","status":500}');
    expect((await control("DELETE", "/faults")).status).toBe(200);
    expect(await pullStatus()).toBe(403);
    await control("POST", "/reset");
  });

  test("POST /rotate changes the certificate", async () => {
    const request = { target: "/opc/v2/identity/cert.pem", headers: { authorization: "Bearer Oracle" } };
    const before = await send(simulator.metadataUrl, request);
    expect((await control("POST", "/rotate")).status).toBe(200);
    expect((await send(simulator.metadataUrl, request)).text).not.toBe(before.text);
  });

  test("POST /api-keys answers with the lines for ~/.oci/config", async () => {
    const publicKey = generateKeyPairSync("rsa", { modulusLength: 2_048 }).publicKey.export({
      type: "spki",
      format: "pem",
    });
    const { status, json } = await control("POST", "/api-keys", JSON.stringify({ publicKey }));
    expect([status, Object.keys(json)]).toEqual([200, ["user", "fingerprint", "tenancy", "region"]]);
  });

  test("remembers the last refusals only", async () => {
    for (let asked = 0; asked < 60; asked++) await send(simulator.metadataUrl, { target: `/${asked}` });
    expect(simulator.refusals()).toHaveLength(50);
    expect(simulator.refusals().at(-1)?.reason).toBe("no such path /59");
  });

  test.each([
    ["POST", "/iam", "", 400, "body is not JSON"],
    ["POST", "/iam", "[]", 400, "a change is a JSON object"],
    ["POST", "/iam", "{}", 400, "nothing to change"],
    ["POST", "/iam", '{"repository":"ns/repo"}', 400, "nothing to change"],
    ["POST", "/iam", '{"grant":true}', 400, "unknown field grant"],
    ["POST", "/iam", '{"toString":true}', 400, "unknown field toString"],
    ["POST", "/iam", '{"granted":"no"}', 400, "granted must be a boolean"],
    ["POST", "/iam", '{"repository":1,"granted":true}', 400, "repository must be a string"],
    ["POST", "/iam", '{"public":true}', 400, "need a repository"],
    ["POST", "/iam", '{"workload":"shop/puller","granted":true}', 400, "workload needs a repository"],
    ["POST", "/faults", '{"endpoint":"auth.x510"}', 400, "endpoint must be one or a list of metadata.regionInfo"],
    ["POST", "/api-keys", "null", 400, "an API key is a public RSA key"],
    ["GET", "/faults", "", 405, "DELETE /faults"],
    ["GET", "/", "", 404, "GET /requests"],
    ["GET", "/toString", "", 404, "GET /requests"],
  ])("answers %s %s %s with %i", async (method, path, body, status, message) => {
    const answer = await control(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.json.message).toContain(message);
  });
});
