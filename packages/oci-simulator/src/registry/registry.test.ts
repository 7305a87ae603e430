import { createHash } from "node:crypto";
import { createFakeClock } from "@ocir-broker/testkit";
import { describe, expect, test } from "vitest";
import { type RawAnswer, send } from "../../test/raw-client.ts";
import { type Alteration, createSession, fetchToken } from "../../test/signed-requests.ts";
import { sharedSimulator } from "../for-tests.ts";
import { startSimulator } from "../index.ts";

const simulator = await sharedSimulator({ registry: ["127.0.0.1:0", "127.0.0.1:0"] });
const session = await createSession(simulator);

const TOKEN_PATH = "/20180419/docker/token";
const later = (ms: number) => new Date(Date.now() + ms).toUTCString();
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

function claimsOf(token: string) {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}

async function tokenFor(alteration: Alteration = {}): Promise<string> {
  return (await fetchToken(simulator, session, alteration)).json.token;
}

function pull(repository: string, token: string | undefined, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const authorization = token === undefined ? undefined : `Bearer ${token}`;
  const target = `/v2/${repository}/manifests/latest`;
  return send(simulator.registryUrl, { target, headers: { authorization, ...headers } });
}

describe("GET /20180419/docker/token", () => {
  test("signed with date, as the SDK for Go does, gives an identity token of an hour", async () => {
    const { status, json, headers } = await fetchToken(simulator, session);
    expect(status).toBe(200);
    expect(json).toEqual({ token: json.access_token, access_token: expect.any(String), scope: "", expires_in: 3_600 });
    expect(JSON.parse(Buffer.from(json.token.split(".")[0], "base64url").toString())).toEqual({
      typ: "JWT",
      alg: "HS256",
    });
    const claims = claimsOf(json.token);
    const { instanceId, tenancyId } = simulator.instance;
    expect(claims).toMatchObject({ sub: instanceId, tenant: tenancyId, aud: simulator.registryUrl.host });
    expect(claims.exp - claims.iat).toBe(3_600);
    expect(headers["opc-request-id"]).toBeDefined();
    expect(simulator.requests()).toMatchObject({ "registry.token": 1, "registry.anonymousToken": 0 });
  });

  const xDate = { covered: ["x-date", "(request-target)", "host"] };
  test.each<[string, Alteration]>([
    [
      "signed with x-date, as the SDK for TypeScript does",
      { draft: { ...xDate, headers: { date: later(-900_000), "x-date": later(0) } } },
    ],
    ["with a query that is covered", { draft: { target: `${TOKEN_PATH}?service=x` } }],
    ["as an absolute-form request", { wire: (w) => ({ target: `http://${w.headers["host"]}${w.target}` }) }],
    [
      "as an absolute-form request whose Host a proxy has changed",
      { wire: (w) => ({ target: `http://${w.headers["host"]}${w.target}`, headers: { host: "proxy:3128" } }) },
    ],
    ["on a connection that stays open", { wire: { headers: { connection: "close", "keep-alive": "timeout=5" } } }],
  ])("%s", async (_, alteration) => {
    expect((await fetchToken(simulator, session, alteration)).status).toBe(200);
  });

  const mismatch = "signature does not match";
  const notOurs = "the session token is not ours";
  const withKeyId = (keyId: string): Alteration => ({ draft: { keyId } });
  const plusOne = (claims: { exp: number }) => ({ ...claims, exp: claims.exp + 1 });
  test.each<[string, string, Alteration]>([
    ["(request-target) not covered", "(request-target) is not covered", { draft: { covered: ["date", "host"] } }],
    ["host not covered", "host is not covered", { draft: { covered: ["date", "(request-target)"] } }],
    ["no date covered", "neither date nor x-date is covered", { draft: { covered: ["(request-target)", "host"] } }],
    ["a date 5 min 10 s behind", "date is too far off", { draft: { headers: { date: later(-310_000) } } }],
    [
      "x-date and date covered, one too far off",
      "x-date is too far off",
      { draft: { covered: ["date", ...xDate.covered], headers: { "x-date": later(310_000) } } },
    ],
    [
      "another key than the session's",
      mismatch,
      { draft: { parameters: { signature: Buffer.alloc(256, 1).toString("base64") } } },
    ],
    ["another host than signed for", mismatch, { wire: { headers: { host: "icn.ocir.io" } } }],
    ["another path than signed for", mismatch, { draft: { target: "/20180419/docker" }, wire: { target: TOKEN_PATH } }],
    ["a query that is not covered", mismatch, { wire: { target: `${TOKEN_PATH}?scope=x` } }],
    [
      "a keyId of no user",
      "keyId is neither a session token nor a user's API key",
      withKeyId("ocid1.tenancy.oc1..a/ocid1.user.oc1..b/aa:bb"),
    ],
    ["no token in keyId", notOurs, withKeyId("ST$")],
    ["a token with a changed claim", notOurs, { draft: ({ keyId }) => ({ keyId: tamper(keyId, plusOne) }) }],
    ["a token without signature", notOurs, { draft: ({ keyId }) => ({ keyId: keyId.replace(/[^.]*$/, "") }) }],
    ["a token that is not three parts", notOurs, { draft: ({ keyId }) => ({ keyId: `${keyId}.x` }) }],
    ["a token of no JSON", notOurs, withKeyId("ST$AAAA.AAAA.AAAA")],
    ["a token of lists", notOurs, withKeyId("ST$W10.W10.AAAA")],
  ])("refuses %s", async (_, reason, alteration) => {
    const answer = await fetchToken(simulator, session, alteration);
    expect(answer.status).toBe(401);
    expect(answer.json.code).toBe("NotAuthenticated");
    expect(simulator.refusals()).toEqual([{ endpoint: "registry.token", status: 401, reason }]);
  });

  test("refuses a token of another scheme, another cloud's session, and other methods", async () => {
    const bearer = { target: TOKEN_PATH, headers: { authorization: `Bearer ${await tokenFor()}` } };
    expect((await send(simulator.registryUrl, bearer)).status).toBe(401);
    const stranger = await startSimulator();
    expect((await fetchToken(simulator, await createSession(stranger))).status).toBe(401);
    await stranger.close();
    expect((await send(simulator.registryUrl, { method: "POST", target: TOKEN_PATH })).status).toBe(405);
    expect((await send(simulator.registryUrl, { target: TOKEN_PATH, version: "1.0" })).status).toBe(400);
  });

  test("unsigned gives an anonymous token, with 200", async () => {
    const { status, json } = await send(simulator.registryUrl, { target: TOKEN_PATH });
    expect(status).toBe(200);
    expect(json.expires_in).toBe(3_600);
    expect(claimsOf(json.token)).toMatchObject({ sub: "anonymous", aud: simulator.registryUrl.host });
    expect(claimsOf(json.token).tenant).toBeUndefined();
    expect(simulator.requests()).toMatchObject({ "registry.token": 0, "registry.anonymousToken": 1 });
  });

  test("refuses a session that has ended, and the registry a token that has", async () => {
    const clock = createFakeClock();
    clock.jumpWall(Date.now() - clock.wallMs());
    const aging = await startSimulator({ clock, sessionLifeMs: 60_000, tokenLifeMs: 90_000 });
    const now = (): Alteration => ({ draft: { headers: { date: new Date(clock.wallMs()).toUTCString() } } });
    const short = await createSession(aging);
    const { json } = await fetchToken(aging, short, now());
    expect(json.expires_in).toBe(90);
    const check = () => send(aging.registryUrl, { target: "/v2/", headers: { authorization: `Bearer ${json.token}` } });
    expect((await check()).status).toBe(200);
    await clock.advance(61_000);
    expect((await fetchToken(aging, short, now())).status).toBe(401);
    expect((await check()).status).toBe(200);
    await clock.advance(30_000);
    expect((await check()).status).toBe(401);
    await aging.close();
  });
});

describe("the registry's own token flow", () => {
  test("leads from /v2/ over the realm to the manifest and its blobs", async () => {
    const { status, headers } = await send(simulator.registryUrl, { target: "/v2/" });
    const { host } = simulator.registryUrl;
    expect(status).toBe(401);
    expect(headers["www-authenticate"]).toBe(`Bearer realm="http://${host}${TOKEN_PATH}",service="${host}",scope=""`);
    const challenge = (await pull("ns/repo", undefined)).headers["www-authenticate"];
    expect(challenge).toContain('scope="repository:ns/repo:pull"');

    const authorization = basic("BEARER_TOKEN", await tokenFor());
    const target = `${TOKEN_PATH}?service=${host}&scope=repository:ns/repo:pull`;
    const exchange = await send(simulator.registryUrl, { target, headers: { authorization } });
    expect(exchange.json.scope).toBe("repository:ns/repo:pull");
    const token = exchange.json.token;
    expect(claimsOf(token).access).toEqual([{ type: "repository", name: "ns/repo", actions: ["pull"] }]);
    expect(simulator.requests()).toMatchObject({ "registry.v2": 1, "registry.manifest": 1, "registry.exchange": 1 });

    const manifest = await pull("ns/repo", token);
    expect(manifest.status).toBe(200);
    expect(manifest.headers["docker-content-digest"]).toBe(digestOf(manifest.body));
    for (const { digest, size } of [manifest.json.config, ...manifest.json.layers]) {
      const blob = await send(simulator.registryUrl, {
        target: `/v2/ns/repo/blobs/${digest}`,
        headers: { authorization: `Bearer ${token}` },
      });
      expect([digestOf(blob.body), blob.body.length]).toEqual([digest, size]);
    }
    expect((await pull("ns/other", token)).status).toBe(401);
    expect((await pull("ns/other", token)).headers["www-authenticate"]).toContain("repository:ns/other:pull");
  });

  test.each([
    ["another user", async () => basic("user", await tokenFor())],
    ["a password that is no token", async () => basic("BEARER_TOKEN", "secret")],
    ["the session in place of the token", async () => basic("BEARER_TOKEN", session)],
    ["nothing", async () => basic("", "")],
  ])("refuses %s", async (_, authorization) => {
    const headers = { authorization: await authorization() };
    const answer = await send(simulator.registryUrl, { target: `${TOKEN_PATH}?scope=x`, headers });
    // Docker's words for this: unknown: Unauthorized.
    expect([answer.status, answer.json]).toEqual([401, { errors: [{ code: "UNKNOWN", message: "Unauthorized" }] }]);
  });

  test("grants no more than pull, and nothing for scopes that it does not know", async () => {
    const authorization = basic("BEARER_TOKEN", await tokenFor());
    const target = `${TOKEN_PATH}?scope=repository:ns/a:pull,push%20repository:ns/b:push&scope=registry:catalog:*`;
    const { json } = await send(simulator.registryUrl, { target, headers: { authorization } });
    expect(claimsOf(json.token).access).toEqual([{ type: "repository", name: "ns/a", actions: ["pull"] }]);
    expect((await pull("ns/b", json.token)).status).toBe(401);
  });
});

describe("GET /v2/<repository>/manifests/<reference>", () => {
  test("takes the identity token itself as Bearer", async () => {
    const token = await tokenFor();
    expect((await pull("ns/repo", token)).status).toBe(200);
    const v2 = await send(simulator.registryUrl, { target: "/v2/", headers: { authorization: `Bearer ${token}` } });
    expect([v2.status, v2.text]).toEqual([200, "{}"]);
  });

  test("answers HEAD as GET, without the body", async () => {
    const headers = { authorization: `Bearer ${await tokenFor()}` };
    const target = "/v2/ns/repo/manifests/latest";
    const [head, get] = await Promise.all([
      send(simulator.registryUrl, { method: "HEAD", target, headers }),
      send(simulator.registryUrl, { target, headers }),
    ]);
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect(head.headers["content-length"]).toBe(String(get.body.length));
    expect(head.headers["docker-content-digest"]).toBe(get.headers["docker-content-digest"]);
  });

  test.each([
    ["docker.distribution.manifest.v2", "application/vnd.docker.distribution.manifest.v2+json"],
    ["oci.image.manifest.v1", "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"],
    ["docker.distribution.manifest.v2", "*/*"],
  ])("gives the %s form for Accept: %s, also by its digest", async (type, accept) => {
    const token = await tokenFor();
    const answer = await pull("ns/repo", token, { accept });
    expect(answer.headers["content-type"]).toContain(type);
    expect(answer.json.mediaType).toBe(answer.headers["content-type"]);
    const target = `/v2/ns/repo/manifests/${answer.headers["docker-content-digest"]}`;
    const again = await send(simulator.registryUrl, { target, headers: { authorization: `Bearer ${token}` } });
    expect(again.text).toBe(answer.text);
  });

  test.each([
    ["manifests/sha256:".concat("0".repeat(64)), 404, "MANIFEST_UNKNOWN"],
    ["blobs/sha256:".concat("0".repeat(64)), 404, "BLOB_UNKNOWN"],
    ["tags", 404, "NAME_INVALID"],
  ])("answers %s with %i %s", async (rest, status, code) => {
    const headers = { authorization: `Bearer ${await tokenFor()}` };
    const answer = await send(simulator.registryUrl, { target: `/v2/ns/repo/${rest}`, headers });
    expect([answer.status, answer.json.errors[0].code]).toEqual([status, code]);
  });

  test("refuses what is no token, another host's token, and a session", async () => {
    const token = await tokenFor();
    expect((await pull("ns/repo", "x")).status).toBe(401);
    expect((await pull("ns/repo", session)).status).toBe(401);
    const tampered = tamper(token, (claims) => ({ ...claims, exp: claims.exp + 1 }));
    expect((await pull("ns/repo", tampered)).status).toBe(401);
    const other = simulator.registryUrls[1] as URL;
    const request = { target: "/v2/ns/repo/manifests/latest", headers: { authorization: `Bearer ${token}` } };
    expect((await send(other, request)).status).toBe(401);
    expect(simulator.refusals().at(-1)?.reason).toBe("the token is for another host");
    const basicAuth = { target: "/v2/", headers: { authorization: basic("BEARER_TOKEN", token) } };
    expect((await send(simulator.registryUrl, basicAuth)).status).toBe(401);
  });

  test("lists one of the tags, as a client expects", async () => {
    const headers = { authorization: `Bearer ${await tokenFor()}` };
    const { json } = await send(simulator.registryUrl, { target: "/v2/ns/repo/tags/list", headers });
    expect(json).toEqual({ name: "ns/repo", tags: ["latest"] });
  });

  test("is all there is: no writing, nothing outside /v2/", async () => {
    const headers = { authorization: `Bearer ${await tokenFor()}` };
    expect(
      (await send(simulator.registryUrl, { method: "PUT", target: "/v2/ns/repo/manifests/a", headers })).status,
    ).toBe(405);
    expect((await send(simulator.registryUrl, { target: "/", headers })).status).toBe(404);
    expect((await send(simulator.registryUrl, { target: "/v2/NS/repo/manifests/a", headers })).status).toBe(404);
  });
});

describe("IAM", () => {
  test("a repository without a grant answers 403 in Oracle's words; a later grant works at once", async () => {
    const token = await tokenFor();
    simulator.iam({ granted: false, repository: "ns/repo" });
    const denied = await pull("ns/repo", token);
    expect(denied.status).toBe(403);
    expect(denied.json.errors).toEqual([
      { code: "DENIED", message: `User UserId(${simulator.instance.instanceId}) not authorized` },
    ]);
    expect((await pull("ns/other", token)).status).toBe(200);
    simulator.iam({ granted: true, repository: "ns/repo" });
    expect((await pull("ns/repo", token)).status).toBe(200);
  });

  test("granted without a repository is about all others", async () => {
    const token = await tokenFor();
    simulator.iam({ granted: false });
    simulator.iam({ granted: true, repository: "ns/repo" });
    expect((await pull("ns/other", token)).status).toBe(403);
    expect((await pull("ns/repo", token)).status).toBe(200);
  });

  test("a token made while there was no dynamic group stays useless; a new session and token work", async () => {
    simulator.iam({ dynamicGroup: false });
    const early = await createSession(simulator);
    const earlyToken = (await fetchToken(simulator, early)).json.token;
    const middleToken = await tokenFor();
    expect((await pull("ns/repo", earlyToken)).status).toBe(403);
    simulator.iam({ dynamicGroup: true });
    expect((await pull("ns/repo", earlyToken)).status).toBe(403);
    expect((await pull("ns/repo", middleToken)).status).toBe(403);
    expect((await pull("ns/repo", (await fetchToken(simulator, early)).json.token)).status).toBe(403);
    expect((await pull("ns/repo", await tokenFor())).status).toBe(200);
    const fresh = await createSession(simulator);
    expect((await pull("ns/repo", (await fetchToken(simulator, fresh)).json.token)).status).toBe(200);
    const authorization = basic("BEARER_TOKEN", earlyToken);
    const target = `${TOKEN_PATH}?scope=repository:ns/repo:pull`;
    const exchanged = await send(simulator.registryUrl, { target, headers: { authorization } });
    expect((await pull("ns/repo", exchanged.json.token)).status).toBe(403);
  });

  test("anonymous tokens pull public repositories only", async () => {
    const { json } = await send(simulator.registryUrl, { target: TOKEN_PATH });
    const denied = await pull("ns/repo", json.token);
    expect(denied.status).toBe(403);
    expect(denied.json.errors[0].message).toBe("Anonymous users are only allowed read access on public repos");
    expect((await pull("axoxdievda5j/oke-public-pause", json.token)).status).toBe(200);
    expect((await pull("ns/team/oke-public-copy", json.token)).status).toBe(403);
    simulator.iam({ repository: "ns/repo", public: true });
    expect((await pull("ns/repo", json.token)).status).toBe(200);
    simulator.iam({ granted: false, repository: "ns/repo" });
    expect((await pull("ns/repo", json.token)).status).toBe(200);
  });

  test("a repository that is not there is 404 for those who may read it, 403 for others", async () => {
    simulator.iam({ repository: "ns/none", exists: false });
    const answer = await pull("ns/none", await tokenFor());
    expect([answer.status, answer.json.errors[0].code]).toEqual([404, "NAME_UNKNOWN"]);
    simulator.iam({ repository: "ns/none", granted: false });
    expect((await pull("ns/none", await tokenFor())).status).toBe(403);
  });
});

function tamper(token: string, change: (claims: { exp: number }) => object): string {
  const [header, , signature] = token.split(".");
  return [header, Buffer.from(JSON.stringify(change(claimsOf(token)))).toString("base64url"), signature].join(".");
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
