/** A daemon starts with the state that a killed one left: two brokers, one file, and a cloud that may be down. */
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { bootMs, createSystemClock } from "@ocir-broker/foundation";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSession } from "../../test/session-fixture.ts";
import { loadLenientConfig } from "../config/lenient.ts";
import { checkConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { type Broker, startBroker } from "../daemon.ts";
import { createLog } from "../telemetry/log.ts";
import { lastConfig } from "./last-config.ts";
import { encodeSnapshot } from "./snapshot.ts";
import { createStateFile } from "./state-file.ts";

const HOSTS = ["icn.ocir.io", "iad.ocir.io"];
const OUTAGE = [{ endpoint: "*", status: 503 }] as const;

let directory: string;
let statePath: string;
let simulator: Simulator;
let brokers: Broker[];
let logged: string;

beforeEach(async () => {
  directory = mkdtempSync("/dev/shm/restart-");
  statePath = join(directory, "state");
  simulator = await startSimulator();
  brokers = [];
  logged = "";
});

afterEach(async () => {
  await Promise.all(brokers.map((broker) => broker.close()));
  await simulator.close();
  rmSync(directory, { recursive: true });
});

/** Each broker has its own sockets, because the previous one is not stopped, as if it had been killed. */
async function start(config: { registries?: object; metadata?: object } = {}) {
  const healthSocket = join(directory, `health-${brokers.length}.sock`);
  const checked = checkConfig(
    JSON.stringify({
      sockets: { credentials: join(directory, `credentials-${brokers.length}.sock`), health: healthSocket },
      metrics: { textfile: join(directory, "metrics.prom") },
      registries: {
        prefetch: HOSTS,
        endpoints: Object.fromEntries(HOSTS.map((host) => [host, simulator.registryUrl.href])),
        ...config.registries,
      },
      metadata: { baseUrl: simulator.metadataUrl.href, ...config.metadata },
    }),
    { OCI_SDK_AUTH_CLIENT_REGION_URL: simulator.authUrl.href },
  );
  if ("faults" in checked) throw new Error(checked.faults.join("\n"));
  return { broker: await startWith(checked.config), healthSocket };
}

async function startWith(config: Config): Promise<Broker> {
  const write = (line: string): void => {
    logged += line;
  };
  const broker = await startBroker({
    config,
    environment: { OCIR_BROKER_STATE_FILE: statePath },
    clock: createSystemClock(),
    random: () => 0.5,
    log: createLog({ level: "debug", environment: {}, stream: { write } }),
    version: "1.2.3",
    pid: process.pid,
  });
  brokers.push(broker);
  return broker;
}

/** A broker that has tokens and has saved its state. */
async function startWarm(): Promise<Broker> {
  const { broker } = await start();
  for (const host of HOSTS) await passwordFrom(broker, host);
  for (const host of HOSTS) await untilSaved((state) => holdsToken(state, host));
  return broker;
}

/** State is written on the turn after the change. */
async function untilSaved(is: (state: string) => boolean): Promise<void> {
  while (!existsSync(statePath) || !is(readFileSync(statePath, "latin1"))) await setImmediate();
}

/** Looks for the token's field, since the configuration in the state names registry hosts too. */
function holdsToken(state: string, registryHost: string): boolean {
  return state.includes(`"registryHost":"${registryHost}"`);
}

async function passwordFrom(broker: Broker, host: string): Promise<string | undefined> {
  const answer = await broker.answer(
    Buffer.from(
      JSON.stringify({
        apiVersion: "credentialprovider.kubelet.k8s.io/v1",
        kind: "CredentialProviderRequest",
        image: `${host}/tenancy/app:1`,
      }),
    ),
  );
  return answer.status === 200 ? JSON.parse(answer.body.toString()).auth[host]?.password : undefined;
}

function statusOf(socketPath: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path }, (response) => resolve(response.resume().statusCode))
      .on("error", reject)
      .end();
  });
}

function requestsMade(): number {
  return Object.values(simulator.requests()).reduce((sum, count) => sum + count, 0);
}

describe("a broker that comes after one that was killed", () => {
  it("serves the same tokens in a total outage, ready at once, without asking anybody for them", async () => {
    const first = await startWarm();
    const before = await Promise.all(HOSTS.map((host) => passwordFrom(first, host)));
    expect(before).toEqual([expect.stringContaining("."), expect.stringContaining(".")]);
    simulator.reset();
    simulator.faults(...OUTAGE);

    const { broker, healthSocket } = await start();
    expect(await statusOf(healthSocket, "/readyz")).toBe(200);
    const summary = broker.health.summary();
    expect(summary).toMatchObject({ region: "us-ashburn-1", session: { ageSeconds: expect.any(Number) } });
    expect(await Promise.all(HOSTS.map((host) => passwordFrom(broker, host)))).toEqual(before);
    expect(broker.health.details().session?.fetches).toBe(0);
    expect(logged).toContain("state restored");
    for (const password of before) expect(logged).not.toContain(password);
    expect(logged).not.toMatch(/eyJ|MII|BEGIN/);
    // Only the probes of two repositories.
    const { "registry.manifest": probes = 0, "registry.v2": ping = 0, ...others } = simulator.requests();
    expect(probes + ping).toBeLessThanOrEqual(4);
    expect(Object.values(others).filter((count) => count > 0)).toEqual([]);
  });

  it("asks nobody anything at an upgrade that nobody pulls in", async () => {
    await startWarm();
    await brokers[0]?.close();
    simulator.reset();
    const { healthSocket } = await start();
    for (let times = 0; times < 50; times += 1) expect(await statusOf(healthSocket, "/healthz")).toBe(200);
    expect(requestsMade()).toBe(0);
  });

  it("knows its home region's registry again, which the configuration does not name", async () => {
    const home = { registries: { prefetch: undefined, endpoints: { "iad.ocir.io": simulator.registryUrl.href } } };
    const { broker: first } = await start(home);
    const password = await passwordFrom(first, "iad.ocir.io");
    await untilSaved((state) => holdsToken(state, "iad.ocir.io"));
    simulator.reset();
    simulator.faults(...OUTAGE);
    const { broker } = await start(home);
    expect(broker.health.details().registries["iad.ocir.io"]).toMatchObject({ kept: true, state: "fresh" });
    expect(await passwordFrom(broker, "iad.ocir.io")).toBe(password);
  });

  it("can sign with the session that it got back", async () => {
    const first = await startWarm();
    simulator.reset();
    const { broker } = await start({ registries: { endpoints: { "lhr.ocir.io": simulator.registryUrl.href } } });
    expect(await passwordFrom(broker, "lhr.ocir.io")).toEqual(expect.any(String));
    expect(simulator.requests()).toMatchObject({ "auth.x509": 0, "registry.token": 1 });
    expect(simulator.refusals()).toEqual([]);
    expect(first.health.details().session?.fetches).toBe(1);
  });

  it("serves the same tokens if it cannot read its configuration, as often as it is started", async () => {
    const before = await passwordFrom(await startWarm(), "icn.ocir.io");
    simulator.faults(...OUTAGE);
    for (let restart = 0; restart < 3; restart += 1) {
      await brokers.at(-1)?.close();
      const environment = { OCIR_BROKER_STATE_FILE: statePath };
      const { config, inForce } = loadLenientConfig({ path: join(directory, "unreadable"), environment }, () =>
        lastConfig({ environment, clock: createSystemClock(), bootMs }),
      );
      expect(inForce).toBe("before");
      expect(await passwordFrom(await startWith(config), "icn.ocir.io")).toBe(before);
    }
    expect(logged).not.toContain("state of an earlier process ignored");
  });

  it("neither restores nor keeps the token of a host that is no longer named, or has another endpoint", async () => {
    const of = (endpoints: object) => ({ registries: { prefetch: [], endpoints } });
    const names = ["gone.example", "moved.example"];
    const { broker: first } = await start(
      of(Object.fromEntries(names.map((name) => [name, simulator.registryUrl.href]))),
    );
    for (const name of names) await passwordFrom(first, name);
    await untilSaved((state) => names.every((name) => holdsToken(state, name)));
    const { broker } = await start(of({ "moved.example": "http://127.0.0.2:1" }));
    expect(broker.health.details().registries).toEqual({});
    await untilSaved((state) => !names.some((name) => holdsToken(state, name)));
  });

  it("starts as without a state if the file is truncated", async () => {
    await startWarm();
    truncateSync(statePath, 300);
    simulator.reset();
    const { broker } = await start();
    expect(await passwordFrom(broker, "icn.ocir.io")).toEqual(expect.any(String));
    expect(simulator.requests()["auth.x509"]).toBe(1);
    expect(logged.match(/state of an earlier process ignored/g)).toHaveLength(1);
  });

  it("holds on to the tenancy of the session that it got back", async () => {
    const nowMs = bootMs();
    const { keyId, privateKey, tenancyId } = createSession();
    const encoded = {
      token: keyId.reveal().slice("ST$".length),
      privateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
      tenancyId,
    };
    const entry = { obtainedAtMs: nowMs - 700_000, expiresAtMs: nowMs + 300_000 };
    const state = {
      source: JSON.stringify([simulator.metadataUrl.href, simulator.authUrl.href]),
      provider: "instance-principal",
      region: undefined,
      session: { ...entry, value: encoded },
      tokens: [],
    };
    createStateFile(statePath).write(encodeSnapshot(state, { monotonicMs: nowMs, bootMs: nowMs, wallMs: Date.now() }));
    const { broker } = await start({ registries: { prefetch: [] } });
    const session = () => broker.health.details().session;
    // The renewal is due, and the instance's certificate now names another tenancy.
    while (session()?.lastFailure == null) await setImmediate();
    expect(session()).toMatchObject({ lastFailure: "tenancy-changed", state: "stale" });
  });

  it("leaves another node's identity alone", async () => {
    await startWarm();
    simulator.reset();
    await start({ metadata: { baseUrl: "http://127.0.0.1:1/opc/v2" } });
    expect(logged).toContain("state-of-another-source");
    expect(existsSync(statePath)).toBe(false);
  });
});
