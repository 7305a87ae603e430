import { verify, X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { send } from "../../test/raw-client.ts";
import { createSession, fetchToken } from "../../test/signed-requests.ts";
import { sharedSimulator } from "../for-tests.ts";

const simulator = await sharedSimulator();
const session = await createSession(simulator);

const partOf = (token: string, index: number) =>
  JSON.parse(Buffer.from(token.split(".")[index] ?? "", "base64url").toString());

async function exchange(...scopes: string[]): Promise<string> {
  return exchangeFor((await fetchToken(simulator, session)).json.token, ...scopes);
}

async function exchangeFor(password: string, ...scopes: string[]): Promise<string> {
  const authorization = `Basic ${Buffer.from(`BEARER_TOKEN:${password}`).toString("base64")}`;
  const query = scopes.map((scope) => `scope=${scope}`).join("&");
  const answer = await send(simulator.registryUrl, {
    target: `/20180419/docker/token?service=${simulator.registryUrl.host}&${query}`,
    headers: { authorization },
  });
  return answer.json.token;
}

const accessOf = async (...scopes: string[]) => partOf(await exchange(...scopes), 1).access;

describe("a registry token", () => {
  test("is signed with ES256 by a key whose certificate leads to the exported root", async () => {
    const token = await exchange("repository:ns/a:pull");
    const { alg, x5c } = partOf(token, 0);
    expect([alg, x5c.length]).toEqual(["ES256", 1]);
    const leaf = new X509Certificate(Buffer.from(x5c[0], "base64"));
    const root = new X509Certificate(simulator.tokenRootCertificate);
    expect([leaf.checkIssued(root), leaf.verify(root.publicKey), leaf.ca, root.ca]).toEqual([true, true, false, true]);
    const [header, claims, signature = ""] = token.split(".");
    const key = { key: leaf.publicKey, dsaEncoding: "ieee-p1363" as const };
    expect(verify("sha256", Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url"))).toBe(true);
    expect(partOf(token, 1)).toMatchObject({ iss: "ocir", aud: simulator.registryUrl.host });
  });

  test("says what its holder may do: pull, and push where the policy has it", async () => {
    expect(await accessOf("repository:ns/a:pull,push")).toEqual([
      { type: "repository", name: "ns/a", actions: ["pull"] },
    ]);
    simulator.iam({ writable: true });
    expect(await accessOf("repository:ns/a:pull,push", "repository:ns/b:push", "repository:ns/c:*")).toEqual([
      { type: "repository", name: "ns/a", actions: ["pull", "push"] },
      { type: "repository", name: "ns/b", actions: ["push"] },
      { type: "repository", name: "ns/c", actions: ["pull", "push"] },
    ]);
    simulator.iam({ repository: "ns/a", writable: false });
    expect(await accessOf("repository:ns/a:push")).toEqual([]);
    simulator.reset();
    expect(await accessOf("repository:ns/b:push")).toEqual([]);
  });

  test("made for a login is one without repositories", async () => {
    const token = await exchange();
    expect([partOf(token, 0).alg, partOf(token, 1).access]).toEqual(["ES256", undefined]);
  });

  test("for a repository that its holder may not read allows nothing there", async () => {
    simulator.iam({ repository: "ns/a", granted: false });
    expect(await accessOf("repository:ns/a:pull")).toEqual([{ type: "repository", name: "ns/a", actions: [] }]);
  });

  test("for one repository, shown as password, gets no token for more", async () => {
    simulator.iam({ writable: true });
    const narrow = await exchange("repository:ns/a:pull");
    const accessFor = async (...scopes: string[]) => partOf(await exchangeFor(narrow, ...scopes), 1).access;
    const onlyThat = [{ type: "repository", name: "ns/a", actions: ["pull"] }];
    expect(await accessFor("repository:ns/a:pull,push")).toEqual(onlyThat);
    expect(await accessFor("repository:ns/b:pull")).toEqual([]);
    expect(await accessFor()).toEqual(onlyThat);
    const headers = { authorization: `Bearer ${await exchangeFor(narrow, "repository:ns/b:pull")}` };
    expect((await send(simulator.registryUrl, { target: "/v2/ns/b/manifests/1", headers })).status).toBe(401);
  });

  test("is for the service that the query names, and for no other", async () => {
    const target = "/20180419/docker/token?service=icn.ocir.io";
    const { json } = await fetchToken(simulator, session, { draft: { target } });
    expect(partOf(json.token, 1).aud).toBe("icn.ocir.io");
    const headers = (host: string) => ({ host, authorization: `Bearer ${json.token}` });
    const ask = async (host: string) =>
      (await send(simulator.registryUrl, { target: "/v2/", headers: headers(host) })).status;
    expect([await ask("icn.ocir.io"), await ask(simulator.registryUrl.host)]).toEqual([200, 401]);
  });

  test("asked for by nobody opens public repositories alone", async () => {
    simulator.iam({ repository: "ns/open", public: true });
    const target = "/20180419/docker/token?scope=repository:ns/open:pull%20repository:ns/a:pull";
    const { json } = await send(simulator.registryUrl, { target });
    const headers = { authorization: `Bearer ${json.token}` };
    const pull = (name: string) => send(simulator.registryUrl, { target: `/v2/${name}/manifests/1`, headers });
    const [open, closed, other] = await Promise.all(["ns/open", "ns/a", "ns/b"].map(pull));
    expect([open?.status, closed?.status, other?.status]).toEqual([200, 403, 401]);
    expect(closed?.json.errors).toEqual([
      { code: "DENIED", message: "Anonymous users are only allowed read access on public repos" },
    ]);
  });

  test("is none when its signature is another's", async () => {
    const [header, claims] = (await exchange("repository:ns/a:pull")).split(".");
    const [, , signature] = (await exchange("repository:ns/a:pull")).split(".");
    const headers = { authorization: `Bearer ${header}.${claims}.${signature}` };
    expect((await send(simulator.registryUrl, { target: "/v2/", headers })).status).toBe(401);
  });

  test("made only for pushing pulls nothing", async () => {
    simulator.iam({ writable: true });
    const headers = { authorization: `Bearer ${await exchange("repository:ns/a:push")}` };
    expect((await send(simulator.registryUrl, { target: "/v2/ns/a/manifests/latest", headers })).status).toBe(401);
  });
});
