import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describe, expect, test } from "vitest";
import { send } from "../../test/raw-client.ts";
import { type Alteration, createSession, fetchToken, pemOf } from "../../test/signed-requests.ts";
import { sharedSimulator } from "../for-tests.ts";
import { startSimulator } from "../simulator.ts";

const simulator = await sharedSimulator({ registry: ["127.0.0.1:0", "127.0.0.1:0"] });
const stranger = await sharedSimulator();
const session = await createSession(simulator);
const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const { tenancy, user, fingerprint } = simulator.addApiKey(pemOf(publicKey));

const TOKEN_PATH = "/20180419/docker/token";
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

async function tokenFor(signedWith = session): Promise<string> {
  return (await fetchToken(simulator, signedWith)).json.token;
}

const get = (target: string, authorization?: string, from = simulator.registryUrl) =>
  send(from, { target, headers: { authorization } });
const pull = (repository: string, token: string, from = simulator.registryUrl) =>
  get(`/v2/${repository}/manifests/latest`, `Bearer ${token}`, from);

describe("GET /20180419/docker/token", () => {
  const notOurs = "the session token is not ours";
  const withKeyId = (keyId: string): Alteration => ({ draft: { keyId } });
  const tooLate = () => ({
    covered: ["date", "x-date", "(request-target)", "host"],
    headers: { "x-date": new Date(Date.now() + 310_000).toUTCString() },
  });
  const plusOne = (claims: { exp: number }) => ({ ...claims, exp: claims.exp + 1 });
  test.each<[string, string, Alteration]>([
    ["host not covered", "host is not covered", { draft: { covered: ["date", "(request-target)"] } }],
    ["x-date and date covered, one too far off", "x-date is too far off", { draft: tooLate }],
    [
      "a fingerprint of no key",
      "keyId is neither a session token nor a user's API key",
      withKeyId(`${tenancy}/${user}/00:11`),
    ],
    ["another key than the user's", "signature does not match", withKeyId(`${tenancy}/${user}/${fingerprint}`)],
    ["no token in keyId", notOurs, withKeyId("ST$")],
    ["a token with a changed claim", notOurs, { draft: ({ keyId }) => ({ keyId: tamper(keyId, plusOne) }) }],
    ["a token without signature", notOurs, { draft: ({ keyId }) => ({ keyId: keyId.replace(/[^.]*$/, "") }) }],
    ["a token that is not three parts", notOurs, { draft: ({ keyId }) => ({ keyId: `${keyId}.x` }) }],
    ["a token of no JSON", notOurs, withKeyId("ST$AAAA.AAAA.AAAA")],
    ["a token of lists", notOurs, withKeyId("ST$W10.W10.AAAA")],
  ])("refuses %s", async (_, reason, alteration) => {
    const response = await fetchToken(simulator, session, alteration);
    expect(response.status).toBe(401);
    expect(response.json.code).toBe("NotAuthenticated");
    expect(simulator.refusals()).toEqual([{ endpoint: "registry.token", status: 401, reason }]);
  });

  test("refuses a token of another scheme, another cloud's session, and other methods", async () => {
    expect((await get(TOKEN_PATH, `Bearer ${await tokenFor()}`)).status).toBe(401);
    expect((await fetchToken(simulator, await createSession(stranger))).status).toBe(401);
    expect((await send(simulator.registryUrl, { method: "POST", target: TOKEN_PATH })).status).toBe(405);
  });

  test("refuses an expired session, and the registry an expired token", async () => {
    const clock = createFakeClock();
    clock.jumpWall(Date.now() - clock.wallMs());
    await using aging = await startSimulator({ clock, sessionLifeMs: 60_000, tokenLifeMs: 90_000 });
    const now = (): Alteration => ({ draft: { headers: { date: new Date(clock.wallMs()).toUTCString() } } });
    const short = await createSession(aging);
    const { json } = await fetchToken(aging, short, now());
    expect(json.expires_in).toBe(90);
    const check = () => get("/v2/", `Bearer ${json.token}`, aging.registryUrl);
    expect((await check()).status).toBe(200);
    await clock.advance(61_000);
    expect((await fetchToken(aging, short, now())).status).toBe(401);
    expect((await check()).status).toBe(200);
    await clock.advance(30_000);
    expect((await check()).status).toBe(401);
  });

  test.each([
    ["another user", async () => basic("user", await tokenFor())],
    ["a password that is not a token", async () => basic("BEARER_TOKEN", "secret")],
    ["the session in place of the token", async () => basic("BEARER_TOKEN", session)],
    ["nothing", async () => basic("", "")],
  ])("refuses Basic with %s", async (_, authorization) => {
    const response = await get(`${TOKEN_PATH}?scope=x`, await authorization());
    // Docker's words for this: unknown: Unauthorized.
    expect([response.status, response.json]).toEqual([401, { errors: [{ code: "UNKNOWN", message: "Unauthorized" }] }]);
  });
});

describe("GET /v2/<repository>/manifests/<reference>", () => {
  test.each([
    ["manifests/sha256:".concat("0".repeat(64)), 404, "MANIFEST_UNKNOWN"],
    ["blobs/sha256:".concat("0".repeat(64)), 404, "BLOB_UNKNOWN"],
    ["tags", 404, "NAME_INVALID"],
  ])("responds to %s with %i %s", async (rest, status, code) => {
    const response = await get(`/v2/ns/repo/${rest}`, `Bearer ${await tokenFor()}`);
    expect([response.status, response.json.errors[0].code]).toEqual([status, code]);
  });

  test("refuses an invalid token, another host's token, and a session", async () => {
    const token = await tokenFor();
    const tampered = tamper(token, (claims) => ({ ...claims, exp: claims.exp + 1 }));
    for (const invalid of ["x", session, tampered]) expect((await pull("ns/repo", invalid)).status).toBe(401);
    expect((await pull("ns/repo", token, simulator.registryUrls[1])).status).toBe(401);
    expect(simulator.refusals().at(-1)?.reason).toBe("the token is for another host");
    expect((await get("/v2/", basic("BEARER_TOKEN", token))).status).toBe(401);
  });

  test("refuses writes, and paths outside the API", async () => {
    const authorization = `Bearer ${await tokenFor()}`;
    const put = { method: "PUT", target: "/v2/ns/repo/manifests/a", headers: { authorization } };
    expect((await send(simulator.registryUrl, put)).status).toBe(405);
    for (const path of ["/", "/v2/NS/repo/manifests/a"]) expect((await get(path, authorization)).status).toBe(404);
  });
});

test("what the storage has not is the simulated image, and what it has is the storage's", async () => {
  const storage = createServer((request, response) => {
    response.writeHead(request.url === "/v2/ns/repo/manifests/pushed" ? 200 : 404).end("the storage's");
  }).listen(0, "127.0.0.1");
  await once(storage, "listening");
  const { port } = storage.address() as AddressInfo;
  await using storing = await startSimulator({ storage: new URL(`http://127.0.0.1:${port}`) });
  const token = (await fetchToken(storing, await createSession(storing))).json.token;
  const manifest = (tag: string) => get(`/v2/ns/repo/manifests/${tag}`, `Bearer ${token}`, storing.registryUrl);
  expect((await manifest("pushed")).text).toBe("the storage's");
  expect((await manifest("other")).json.layers).toHaveLength(1);
  storage.close();
});

describe("IAM", () => {
  test("applies a grant without a repository to all other repositories", async () => {
    const token = await tokenFor();
    simulator.iam({ granted: false });
    simulator.iam({ granted: true, repository: "ns/repo" });
    expect((await pull("ns/other", token)).status).toBe(403);
    expect((await pull("ns/repo", token)).status).toBe(200);
  });

  test("never accepts a session or token issued before the dynamic group, only a new session with a new token", async () => {
    simulator.iam({ dynamicGroup: false });
    const early = await createSession(simulator);
    const tokens = [await tokenFor(early), await tokenFor()];
    simulator.iam({ dynamicGroup: true });
    tokens.push(await tokenFor(early));
    for (const token of tokens) expect((await pull("ns/repo", token)).status).toBe(403);
    const password = basic("BEARER_TOKEN", String(tokens[0]));
    const issued = await get(`${TOKEN_PATH}?scope=repository:ns/repo:pull`, password);
    expect((await pull("ns/repo", issued.json.token)).status).toBe(403);
    expect((await pull("ns/repo", await tokenFor(await createSession(simulator)))).status).toBe(200);
  });

  test("lets anonymous tokens pull only public repositories", async () => {
    simulator.iam({ repository: "ns/open", public: true });
    const { json } = await get(TOKEN_PATH);
    const pulls = ["ns/open", "ns/oke-public-pause", "ns/repo", "ns/team/oke-public-copy"];
    const statuses = await Promise.all(pulls.map(async (name) => (await pull(name, json.token)).status));
    expect(statuses).toEqual([200, 200, 403, 403]);
  });

  test("reports a missing repository as 404 to those who may read it, and as 403 to others", async () => {
    simulator.iam({ repository: "ns/none", exists: false });
    const response = await pull("ns/none", await tokenFor());
    expect([response.status, response.json.errors[0].code]).toEqual([404, "NAME_UNKNOWN"]);
    simulator.iam({ repository: "ns/none", granted: false });
    expect((await pull("ns/none", await tokenFor())).status).toBe(403);
  });
});

function tamper(token: string, change: (claims: { exp: number }) => object): string {
  const [header, body = "", signature] = token.split(".");
  const claims = change(JSON.parse(Buffer.from(body, "base64url").toString()));
  return [header, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(".");
}
