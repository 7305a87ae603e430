import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSendRequest, createUpstreamDispatcher } from "@ocir-broker/foundation";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createShiftedClock, type ShiftedClock } from "../../test/shifted-clock.ts";
import { checkConfig } from "../config/load.ts";
import { type Broker, startBroker } from "../daemon.ts";
import { createLog } from "../telemetry/log.ts";

const HOST = "iad.ocir.io";
const CANARY = "canary-of-the-client-secret";
const AUDIENCE = "oci";
const CLIENT = { "ocir-broker": CANARY };

let simulator: Simulator;
let broker: Broker;
let folder: string;
let logged: string;
let clock: ShiftedClock;

beforeEach(async () => {
  clock = createShiftedClock();
  logged = "";
  folder = mkdtempSync(join(tmpdir(), "domain-"));
  simulator = await startSimulator({ tls: true });
});

afterEach(async () => {
  await broker.close();
  await simulator.close();
  rmSync(folder, { recursive: true });
});

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** The service accounts puller-1 to puller-3 are the service users of a group each. */
function trust(oauthClients: Readonly<Record<string, string>>): void {
  const users = [1, 2, 3].map((number) => [
    `system:serviceaccount:shop:puller-${number}`,
    { name: `user-${number}`, group: `group-${number}` },
  ]);
  simulator.addTrust({ audience: AUDIENCE, oauthClients, serviceUsers: Object.fromEntries(users) });
}

async function start(provider: string, identityDomain: object): Promise<void> {
  const checked = checkConfig(
    JSON.stringify({
      sockets: { credentials: join(folder, "c.sock"), health: join(folder, "h.sock") },
      identity: { provider },
      serviceAccounts: { exchange: "identity-domain", audience: AUDIENCE },
      identityDomain: { url: simulator.domainUrl.origin, ...identityDomain },
      registries: { ...(provider !== "none" && { prefetch: [] }), endpoints: { [HOST]: simulator.registryUrl.origin } },
      metadata: { baseUrl: simulator.metadataUrl.href },
      auth: { endpoint: simulator.authUrl.origin },
      upstream: { caFile: write("region.crt", simulator.caCertificate ?? "") },
      metrics: { textfile: join(folder, "metrics.prom") },
    }),
  );
  if ("faults" in checked) throw new Error(checked.faults.join("\n"));
  const stream = {
    write(line: string): void {
      logged += line;
    },
  };
  broker = await startBroker({
    ...{ config: checked.config, environment: {}, clock, random: () => 0.5 },
    log: createLog({ level: "trace", environment: {}, stream }),
    ...{ version: "1", pid: process.pid },
  });
}

async function pull(serviceAccount: string) {
  const serviceAccountToken = await simulator.serviceAccountToken({
    ...{ namespace: "shop", serviceAccount, audience: AUDIENCE },
  });
  const answer = await broker.answer(
    Buffer.from(
      JSON.stringify({
        kind: "CredentialProviderRequest",
        apiVersion: "credentialprovider.kubelet.k8s.io/v1",
        image: `${HOST}/acme/app`,
        serviceAccountToken,
      }),
    ),
  );
  logged += JSON.stringify(answer);
  return answer;
}

const passwordIn = (answer: { body: unknown }): string => JSON.parse(String(answer.body)).auth[HOST].password;

async function pullStatus(password: string, repository: string): Promise<number> {
  const url = new URL(`/v2/${repository}/manifests/1`, simulator.registryUrl);
  const dispatcher = createUpstreamDispatcher({
    ...{ connectMs: 60_000, headersMs: 60_000, bodyMs: 60_000, maxConnectionsPerOrigin: 1 },
    caCertificates: [simulator.caCertificate ?? ""],
  });
  const send = createSendRequest({ dispatcher, clock, totalMs: 60_000 });
  const headers = { authorization: `Bearer ${password}` };
  const { signal } = new AbortController();
  const { status } = await send({ method: "GET", url, headers, signal });
  await dispatcher.destroy();
  return status;
}

const clientOf = (): object => {
  const clientSecretFile = write("secret", CANARY);
  chmodSync(clientSecretFile, 0o600);
  return { authorization: "client", clientId: "ocir-broker", clientSecretFile };
};

it("gives each service account what its service user's group may pull on a node without a cloud, and shows the client's secret nowhere", async () => {
  trust(CLIENT);
  await start("none", clientOf());
  const [one, two] = await Promise.all([pull("puller-1"), pull("puller-2")]);
  simulator.iam({ repository: "acme/app", group: "group-1", granted: true });
  expect(await pullStatus(passwordIn(one), "acme/app")).toBe(200);
  expect(await pullStatus(passwordIn(two), "acme/app")).toBe(403);
  expect(passwordIn(await pull("puller-1"))).toBe(passwordIn(one));
  const asked = Object.entries(simulator.requests()).filter(([name]) => /^(metadata|auth)/.test(name));
  expect(Object.fromEntries(asked.filter(([, count]) => count > 0))).toEqual({});

  for (const fault of [{ status: 401 }, { status: 400 }, { html: true }]) {
    simulator.faults({ endpoint: "domain.token", ...fault });
    const before = simulator.requests()["domain.token"];
    const failed = pull("puller-3");
    await expect.poll(() => simulator.requests()["domain.token"], { timeout: 60_000 }).toBeGreaterThan(before);
    // Over the deadline, and over the back-off for the next one.
    clock.shift(60_000);
    expect(await failed).not.toMatchObject({ status: 200 });
    simulator.clearFaults();
    clock.shift(60_000);
  }
  chmodSync(join(folder, "secret"), 0o644);
  expect(String((await pull("puller-3")).body)).toMatch(/^ocir-broker: identity-file-permissions: /);
  const seen = logged + JSON.stringify(broker.health.details());
  const basic = Buffer.from(`ocir-broker:${CANARY}`).toString("base64");
  expect(seen).toContain("domain-client-refused");
  expect([CANARY, basic].filter((secret) => seen.includes(secret))).toEqual([]);
});

it("uses the node's session without a secret, and refreshes it once if the domain refuses it", async () => {
  trust({});
  await start("instance-principal", {});
  expect(await pull("puller-1")).toMatchObject({ status: 200, identity: "service-account" });
  expect(broker.health.details().serviceAccountFailure).toBeNull();
  expect(String((await pull("unknown")).body)).toMatch(/^ocir-broker: domain-token-refused: /);
  const failure = { code: "domain-token-refused", secondsAgo: expect.any(Number) };
  expect(broker.health.details().serviceAccountFailure).toEqual(failure);

  simulator.faults({ endpoint: "domain.token", times: 1, status: 401 });
  const before = simulator.requests()["auth.x509"];
  expect(await pull("puller-2")).toMatchObject({ status: 200 });
  expect(simulator.requests()["auth.x509"]).toBe(before + 1);

  simulator.iam({ dynamicGroup: false });
  expect(String((await pull("puller-3")).body)).toMatch(/^ocir-broker: domain-client-refused: /);
});
