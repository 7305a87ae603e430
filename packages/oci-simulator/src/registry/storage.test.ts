import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type RawAnswer, send } from "../../test/raw-client.ts";
import { createSession, fetchToken } from "../../test/signed-requests.ts";
import { type Simulator, startSimulator } from "../index.ts";

const UPLOAD = "/v2/ns/repo/blobs/uploads/";
const received: string[] = [];
const kept = createServer(async (request: IncomingMessage, response) => {
  const { method, url, headers } = request;
  received.push(`${method} ${url} ${headers["content-type"]} ${headers.authorization} ${await text(request)}`);
  response.writeHead(method === "HEAD" ? 200 : 202, { location: "/v2/ns/repo/blobs/uploads/1", "x-length": "7" });
  response.end(method === "HEAD" ? undefined : "stored");
});

let simulator: Simulator;
let session: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => kept.listen(0, "127.0.0.1", resolve));
  const { port } = kept.address() as AddressInfo;
  simulator = await startSimulator({ storage: new URL(`http://127.0.0.1:${port}`) });
  session = await createSession(simulator);
});

beforeEach(() => {
  simulator.reset();
  received.length = 0;
});

afterAll(async () => {
  kept.close();
  await simulator.close();
});

async function ask(method: string, target: string, scope = ""): Promise<RawAnswer> {
  const { json } = await fetchToken(simulator, session, { draft: { target: `/20180419/docker/token?scope=${scope}` } });
  const body = method === "HEAD" ? "" : "bytes";
  const content = { "content-type": "a/b", "content-length": String(body.length) };
  const headers = { authorization: `Bearer ${json.token}`, ...content };
  return send(simulator.registryUrl, { method, target, headers, body });
}

test("a registry behind keeps the images: it is asked what the holder may do, without the token", async () => {
  simulator.iam({ writable: true });
  const answer = await ask("POST", UPLOAD);
  expect(answer).toMatchObject({ status: 202, text: "stored", headers: { location: `${UPLOAD}1`, "x-length": "7" } });
  expect((await ask("HEAD", "/v2/ns/repo/manifests/1")).status).toBe(200);
  expect(received).toEqual([
    `POST ${UPLOAD} a/b undefined bytes`,
    expect.stringContaining("HEAD /v2/ns/repo/manifests/1 a/b undefined"),
  ]);
});

test("a node without the grant pushes nothing, in Oracle's words, also with a token for pulling", async () => {
  for (const scope of ["", "repository:ns/repo:pull"]) {
    const { status, json } = await ask("POST", UPLOAD, scope);
    const message = `User UserId(${simulator.instance.instanceId}) not authorized`;
    expect([status, json.errors]).toEqual([403, [{ code: "DENIED", message }]]);
  }
  expect(received).toEqual([]);
});

test("nobody pushes to a public repository, in Oracle's words", async () => {
  simulator.iam({ writable: true });
  simulator.iam({ repository: "ns/repo", public: true });
  const { json } = await send(simulator.registryUrl, { target: "/20180419/docker/token" });
  const headers = { authorization: `Bearer ${json.token}` };
  const answer = await send(simulator.registryUrl, { method: "POST", target: UPLOAD, headers });
  const message = "Anonymous users are only allowed read access on public repos";
  expect([answer.status, answer.json.errors]).toEqual([403, [{ code: "DENIED", message }]]);
});

test("pushing with a token for pulling is answered with the scope to ask for", async () => {
  simulator.iam({ writable: true });
  const { status, headers } = await ask("PUT", "/v2/ns/repo/manifests/1", "repository:ns/repo:pull");
  expect(status).toBe(401);
  expect(headers["www-authenticate"]).toContain('scope="repository:ns/repo:pull,push"');
  expect(received).toEqual([]);
});
