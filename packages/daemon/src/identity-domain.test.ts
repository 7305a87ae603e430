import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import { join } from "node:path";
import { configOf, daemonSections } from "@ocir-broker/config/test/config";
import { passwordIn, requestFor } from "@ocir-broker/credentials/test/kubelet-request";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeEach, expect, it } from "vitest";
import { createRecordedLog } from "../test/recorded-log.ts";
import { type Daemon, startedDaemon } from "../test/started-daemon.ts";

const HOST = "iad.ocir.io";
const CANARY = "canary-of-the-client-secret";
const AUDIENCE = "oci";
const CLIENT = { "ocir-broker": CANARY };

const simulator = await sharedSimulator({ tls: true });
const system = createSystemClock();
const clock = { ...system, monotonicMs: () => system.monotonicMs() + shiftedMs };
let broker: Daemon;
let folder: string;
/** How far a test has moved the monotonic time, to reach a deadline; timers run in real time. */
let shiftedMs: number;
let responses: object[];
let recorded: ReturnType<typeof createRecordedLog>;

beforeEach(() => {
  shiftedMs = 0;
  responses = [];
  recorded = createRecordedLog();
  folder = temporaryFolder();
});

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** The service accounts puller-1 to puller-3 are the service users of a group each. */
function trust(oauthClients: Readonly<Record<string, string>>): void {
  const serviceUsers = [1, 2, 3].map((number) => ({
    rule: `sub eq system:serviceaccount:shop:puller-${number}`,
    name: `user-${number}`,
    group: `group-${number}`,
  }));
  simulator.addTrust({ audience: AUDIENCE, oauthClients, serviceUsers });
}

async function start(provider: string, identityDomain: object): Promise<void> {
  const config = configOf({
    ...daemonSections(simulator, folder, [HOST]),
    identity: { provider },
    serviceAccounts: { tokenExchange: "identity-domain", audience: AUDIENCE },
    identityDomain: { url: simulator.domainUrl.origin, ...identityDomain },
    upstream: { caFile: write("region.crt", simulator.caCertificate ?? "") },
  });
  broker = await startedDaemon({ config, clock, log: recorded.log });
}

async function pull(serviceAccount: string) {
  const wanted = { namespace: "shop", serviceAccount, audience: AUDIENCE };
  const serviceAccountToken = await simulator.serviceAccountToken(wanted);
  const response = await broker.decide(requestFor(`${HOST}/acme/app`, { serviceAccountToken }));
  responses.push({ ...response, body: String(response.body) });
  return response;
}

const failures = () => broker.health.details().serviceAccountFailures;

async function pullStatus(password: string, repository: string) {
  const url = new URL(`/v2/${repository}/manifests/1`, simulator.registryUrl);
  const asked = get(url, { ca: simulator.caCertificate, headers: { authorization: `Bearer ${password}` } });
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

it("startDaemon without an instance serves each service account its own token, and shows no secret", async () => {
  trust(CLIENT);
  const clientSecretFile = write("secret", CANARY);
  await start("none", { authorization: "client", clientId: "ocir-broker", clientSecretFile });
  const [one, two] = await Promise.all([pull("puller-1"), pull("puller-2")]);
  simulator.iam({ repository: "acme/app", group: "group-1", granted: true });
  expect(await pullStatus(passwordIn(one, HOST), "acme/app")).toBe(200);
  expect(await pullStatus(passwordIn(two, HOST), "acme/app")).toBe(403);
  expect(passwordIn(await pull("puller-1"), HOST)).toBe(passwordIn(one, HOST));
  const asked = Object.entries(simulator.requests()).filter(([name]) => /^(metadata|auth)/.test(name));
  expect(Object.fromEntries(asked.filter(([, count]) => count > 0))).toEqual({});

  for (const fault of [{ status: 401 }, { status: 400 }, { html: true }]) {
    simulator.faults({ endpoint: "domain.token", ...fault });
    const before = simulator.requests()["domain.token"];
    const failed = pull("puller-3");
    await expect.poll(() => simulator.requests()["domain.token"], { timeout: 60_000 }).toBeGreaterThan(before);
    // Over the deadline, and over the back-off for the next one.
    shiftedMs += 60_000;
    expect(await failed).toMatchObject({ outcome: "anonymous" });
    simulator.clearFaults();
    shiftedMs += 60_000;
  }
  chmodSync(clientSecretFile, 0o644);
  await pull("puller-3");
  expect(failures()).toMatchObject([{ code: "identity-file-permissions" }]);
  const seen = JSON.stringify([recorded.lines, responses, broker.health.details()]);
  const basic = Buffer.from(`ocir-broker:${CANARY}`).toString("base64");
  expect(seen).toContain("domain-client-refused");
  expect([CANARY, basic].filter((secret) => seen.includes(secret))).toEqual([]);
});

it("startDaemon uses the node's session if there is no secret, and refreshes it once if it is refused", async () => {
  trust({});
  await start("instance-principal", {});
  expect(await pull("puller-1")).toMatchObject({ outcome: "miss", identity: "service-account" });
  expect(failures()).toEqual([]);
  expect(await pull("unknown")).toMatchObject({ outcome: "anonymous" });
  expect(failures()).toEqual([
    { account: "shop/unknown", code: "domain-token-refused", secondsAgo: expect.any(Number) },
  ]);

  simulator.faults({ endpoint: "domain.token", times: 1, status: 401 });
  const before = simulator.requests()["auth.x509"];
  expect(await pull("puller-2")).toMatchObject({ outcome: "miss" });
  expect(simulator.requests()["auth.x509"]).toBe(before + 1);

  simulator.iam({ dynamicGroup: false });
  await pull("puller-3");
  expect(failures().at(-1)).toMatchObject({ account: "shop/puller-3", code: "domain-client-refused" });
});

it("startDaemon reports the failure of a service account until that account, with any of its tokens, succeeds", async () => {
  trust({});
  await start("instance-principal", {});
  simulator.faults({ endpoint: "domain.token", times: 1, status: 400 });
  expect(await pull("puller-1")).toMatchObject({ outcome: "anonymous" });
  expect(await pull("puller-2")).toMatchObject({ outcome: "miss" });
  expect(failures()).toMatchObject([{ account: "shop/puller-1", code: "domain-token-refused" }]);
  expect(await pull("puller-1")).toMatchObject({ outcome: "miss" });
  expect(failures()).toEqual([]);
});
