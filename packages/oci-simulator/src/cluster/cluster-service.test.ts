import { generateKeyPairSync } from "node:crypto";
import { request } from "node:https";
import { createFakeClock } from "@ocir-broker/testkit";
import { describe, expect, test } from "vitest";
import { send } from "../../test/raw-client.ts";
import { fetchToken, sessionKeys } from "../../test/signed-requests.ts";
import { sharedSimulator } from "../for-tests.ts";
import { type Simulator, startSimulator } from "../index.ts";

const simulator = await sharedSimulator();

const PEM = String(sessionKeys.publicKey.export({ type: "spki", format: "pem" }));
const PULLER = { namespace: "shop", serviceAccount: "puller" };

interface Asked {
  readonly from?: Simulator;
  readonly method?: string;
  readonly path?: string;
  readonly token?: string | undefined;
  readonly podKey?: string;
}

function ask({
  from = simulator,
  method = "POST",
  path = "/resourcePrincipalSessionTokens",
  token,
  podKey = PEM,
}: Asked) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; text: string }>();
  const outgoing = request(
    new URL(path, from.clusterUrl),
    { method, headers, ca: from.clusterCaCertificate },
    (incoming) => {
      let text = "";
      incoming.setEncoding("utf8").on("data", (piece) => {
        text += piece;
      });
      incoming.on("end", () => resolve({ status: incoming.statusCode, text }));
    },
  );
  outgoing.on("error", reject).end(method === "POST" ? JSON.stringify({ podKey }) : undefined);
  return promise;
}

/** As the SDKs decode it. */
function sessionIn(text: string): string {
  return JSON.parse(Buffer.from(text.slice(1, -1), "base64").toString()).token.slice("ST$".length);
}

async function pullStatus(session: string, repository: string): Promise<number> {
  const { json } = await fetchToken(simulator, session);
  const headers = { authorization: `Bearer ${json.token}` };
  return (await send(simulator.registryUrl, { target: `/v2/${repository}/manifests/1`, headers })).status;
}

describe("the exchange", () => {
  test.each([
    ["PEM, as Go sends it", PEM],
    ["base64, as Python sends it", PEM.replace(/-----[^-]+-----|\s/g, "")],
  ])(
    "takes a key as %s, and gives a session that the policy of that service account opens a repository for",
    async (_name, podKey) => {
      simulator.iam({ repository: "shop/app", workload: "shop/puller", granted: true });
      const token = await simulator.serviceAccountToken(PULLER);
      const session = sessionIn((await ask({ token, podKey })).text);
      expect(await pullStatus(session, "shop/app")).toBe(200);
      expect(await pullStatus(session, "shop/other")).toBe(403);
      simulator.iam({ repository: "shop/app", workload: "shop/puller", granted: false });
      expect(await pullStatus(session, "shop/app")).toBe(403);
    },
  );

  test.each([
    ["no token", undefined, "no Bearer token"],
    ["another cluster's key", () => startAndIssue(), "not signed"],
    ["another audience", () => simulator.serviceAccountToken({ ...PULLER, audience: "vault" }), "another audience"],
    ["an ended token", () => simulator.serviceAccountToken({ ...PULLER, lifeMs: -1_000 }), "has ended"],
    ["no pod", () => simulator.serviceAccountToken({ ...PULLER, pod: null }), "not bound to a pod"],
    ["a deleted pod", () => simulator.serviceAccountToken({ ...PULLER, pod: "gone" }), "is gone"],
  ])("refuses %s", async (_name, issue, reason) => {
    simulator.deletePod("gone");
    expect((await ask({ token: await issue?.() })).status).toBe(401);
    expect(simulator.refusals().at(-1)?.reason).toContain(reason);
  });

  test("refuses a short key, another path, and everything in a basic cluster", async () => {
    const token = await simulator.serviceAccountToken(PULLER);
    const short = generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey.export({
      type: "spki",
      format: "pem",
    });
    expect((await ask({ token, podKey: String(short) })).status).toBe(400);
    expect((await ask({ token, path: "/" })).status).toBe(404);
    simulator.clusterType("basic");
    expect((await ask({ token })).status).toBe(403);
  });
});

describe("the keys", () => {
  test("are for service accounts, and let a second cluster stand for the first", async () => {
    const token = await simulator.serviceAccountToken(PULLER);
    expect((await ask({ method: "GET", path: "/openid/v1/jwks" })).status).toBe(401);
    const keys = JSON.parse((await ask({ method: "GET", path: "/openid/v1/jwks", token })).text);
    const issuer = "https://kubernetes.default.svc.cluster.local";
    const second = await startSimulator({ serviceAccountIssuer: { issuer, audience: issuer, keys } });
    expect((await ask({ from: second, token })).status).toBe(200);
    await expect(second.serviceAccountToken(PULLER)).rejects.toThrow("private key");
    await second.close();
  });
});

async function startAndIssue(): Promise<string> {
  const other = await startSimulator({ clock: createFakeClock() });
  const token = await other.serviceAccountToken(PULLER);
  await other.close();
  return token;
}
