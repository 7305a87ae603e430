import { describe, expect, test } from "vitest";
import { send } from "../../test/raw-client.ts";
import { createSession, fetchToken } from "../../test/signed-requests.ts";
import { sharedSimulator } from "../for-tests.ts";
import { decodeJwt } from "../jwt.ts";

/** Nothing listens at the storage: what reaches it is not refused. */
const simulator = await sharedSimulator({ storage: new URL("http://127.0.0.1:1") });
const session = await createSession(simulator);

async function scopedToken(...scopes: string[]): Promise<string> {
  return scopedTokenFor((await fetchToken(simulator, session)).json.token, ...scopes);
}

async function scopedTokenFor(password: string, ...scopes: string[]): Promise<string> {
  const authorization = `Basic ${Buffer.from(`BEARER_TOKEN:${password}`).toString("base64")}`;
  const query = [`service=${simulator.registryUrl.host}`, ...scopes.map((scope) => `scope=${scope}`)].join("&");
  const target = `/20180419/docker/token?${query}`;
  return (await send(simulator.registryUrl, { target, headers: { authorization } })).json.token;
}

const accessIn = (token: string) => decodeJwt(token)?.claims["access"];

const accessOf = async (...scopes: string[]) => accessIn(await scopedToken(...scopes));

function ask(method: string, target: string, token: string, host = simulator.registryUrl.host) {
  return send(simulator.registryUrl, { method, target, headers: { host, authorization: `Bearer ${token}` } });
}

describe("a registry token", () => {
  test("allows only what the policy and the scope allow", async () => {
    simulator.iam({ writable: true });
    expect(await accessOf("repository:ns/a:pull,push", "repository:ns/b:push", "repository:ns/c:*")).toEqual([
      { type: "repository", name: "ns/a", actions: ["pull", "push"] },
      { type: "repository", name: "ns/b", actions: ["push"] },
      { type: "repository", name: "ns/c", actions: ["pull", "push"] },
    ]);
    simulator.iam({ repository: "ns/a", writable: false });
    expect(await accessOf("repository:ns/a:push", "registry:catalog:*")).toEqual([]);
    simulator.iam({ repository: "ns/a", granted: false });
    expect(await accessOf("repository:ns/a:pull")).toEqual([{ type: "repository", name: "ns/a", actions: [] }]);
    expect(accessIn(await scopedToken())).toBeUndefined();
  });

  test("for one repository, sent as password, yields no token for more", async () => {
    simulator.iam({ writable: true });
    const narrow = await scopedToken("repository:ns/a:pull");
    const accessFor = async (...scopes: string[]) => accessIn(await scopedTokenFor(narrow, ...scopes));
    const onlyThat = [{ type: "repository", name: "ns/a", actions: ["pull"] }];
    expect(await accessFor("repository:ns/a:pull,push")).toEqual(onlyThat);
    expect(await accessFor("repository:ns/b:pull")).toEqual([]);
    expect(await accessFor()).toEqual(onlyThat);
    const other = await scopedTokenFor(narrow, "repository:ns/b:pull");
    expect((await ask("GET", "/v2/ns/b/manifests/1", other)).status).toBe(401);
  });

  test("is valid only for the service in the query", async () => {
    const target = "/20180419/docker/token?service=icn.ocir.io";
    const { json } = await fetchToken(simulator, session, { draft: { target } });
    expect((await ask("GET", "/v2/", json.token, "icn.ocir.io")).status).toBe(200);
    expect((await ask("GET", "/v2/", json.token)).status).toBe(401);
  });

  test("is refused with another token's signature", async () => {
    const [header, claims] = (await scopedToken("repository:ns/a:pull")).split(".");
    const [, , signature] = (await scopedToken("repository:ns/a:pull")).split(".");
    expect((await ask("GET", "/v2/", `${header}.${claims}.${signature}`)).status).toBe(401);
  });

  test("for pushing cannot pull, and one for pulling cannot push", async () => {
    simulator.iam({ writable: true });
    const pushing = await scopedToken("repository:ns/a:push");
    expect((await ask("GET", "/v2/ns/a/manifests/latest", pushing)).status).toBe(401);
    const pulling = await scopedToken("repository:ns/a:pull");
    const { status, headers } = await ask("PUT", "/v2/ns/a/manifests/1", pulling);
    expect([status, headers["www-authenticate"]]).toEqual([401, expect.stringContaining("repository:ns/a:pull,push")]);
  });

  test("for pulling is refused with 403 when a push has no grant, and an anonymous token always", async () => {
    const uploads = "/v2/ns/a/blobs/uploads/";
    expect((await ask("POST", uploads, await scopedToken("repository:ns/a:pull"))).status).toBe(403);
    simulator.iam({ writable: true });
    simulator.iam({ repository: "ns/a", public: true });
    const { json } = await send(simulator.registryUrl, { target: "/20180419/docker/token" });
    expect((await ask("POST", uploads, json.token)).status).toBe(403);
  });
});
