/** A daemon with a service manager: a pipe stands for the manager's socket, a simulator for the cloud. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { createSystemClock, kernelMonotonicUs } from "@ocir-broker/foundation";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createConfigStatus } from "../config/config-status.ts";
import { loadConfig } from "../config/load.ts";
import { type Broker, startBroker } from "../daemon.ts";
import { createLog, type Log } from "../telemetry/log.ts";
import { superviseBroker } from "./supervise.ts";

const HOSTS = ["icn.ocir.io", "iad.ocir.io", "lhr.ocir.io"] as const;

let directory: string;
let simulators: Simulator[];
let broker: Broker;
let log: Log;
let logged: string;
let manager: number;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "supervise-"));
  simulators = [await startSimulator(), await startSimulator()];
  logged = "";
  const fifo = join(directory, "notify");
  execFileSync("mkfifo", [fifo]);
  manager = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
});

afterEach(async () => {
  await broker.close();
  await Promise.all(simulators.map((simulator) => simulator.close()));
  closeSync(manager);
  rmSync(directory, { recursive: true });
});

function configure(registries: object, more: object = {}): void {
  const [simulator] = simulators as [Simulator];
  writeFileSync(
    join(directory, "config.yaml"),
    JSON.stringify({
      sockets: { credentials: join(directory, "credentials.sock"), health: join(directory, "health.sock") },
      metrics: { textfile: join(directory, "ocir_broker.prom") },
      metadata: { baseUrl: simulator.metadataUrl.href },
      auth: { endpoint: simulator.authUrl.origin },
      registries,
      ...more,
    }),
  );
}

const endpoint = (index = 0): string => (simulators[index] as Simulator).registryUrl.origin;

async function start() {
  const configPath = join(directory, "config.yaml");
  const write = (line: string): void => {
    logged += line;
  };
  log = createLog({ level: "info", environment: {}, stream: { write } });
  const clock = createSystemClock();
  const config = loadConfig({ path: configPath, environment: {} });
  const configStatus = createConfigStatus(configPath, { inForce: "all", fault: undefined });
  const { details: configDetails } = configStatus;
  const common = { clock, log, pid: process.pid };
  broker = await startBroker({
    ...common,
    config,
    configDetails,
    environment: {},
    random: () => 0.5,
    version: "1.2.3",
  });
  const environment = { OCIR_BROKER_NOTIFY_FD: String(manager), WATCHDOG_USEC: "30000000" };
  return superviseBroker({
    ...common,
    broker,
    configSource: { path: configPath, environment },
    configStatus,
    environment,
    kernelMonotonicUs,
  });
}

/** Messages since the last call. */
async function heard(): Promise<string> {
  await setImmediate();
  const bytes = Buffer.alloc(65_536);
  return bytes.toString("utf8", 0, readSync(manager, bytes));
}

async function untilServed(...hosts: string[]): Promise<void> {
  const isServed = (host: string) => broker.health.summary().registries[host] != null;
  while (!hosts.every(isServed)) await setImmediate();
}

it("a daemon is ready when it listens, says how it is, and says when it stops", async () => {
  configure({ prefetch: [], endpoints: {} });
  const supervision = await start();
  expect(await heard()).toMatch(/^READY=1\nSTATUS=no token yet; .*\nWATCHDOG=1$/);
  supervision.stopping();
  expect(await heard()).toBe("STOPPING=1");
});

it("a reload brings log level, prefetched hosts, extra hosts and endpoints into force, and keeps what is served", async () => {
  configure({ prefetch: [HOSTS[0]], endpoints: { [HOSTS[0]]: endpoint(), [HOSTS[1]]: endpoint() } });
  const supervision = await start();
  await untilServed(HOSTS[0]);
  await heard();

  configure(
    { prefetch: [HOSTS[0], HOSTS[1]], endpoints: { [HOSTS[0]]: endpoint(), [HOSTS[1]]: endpoint() } },
    { log: { level: "debug" } },
  );
  supervision.reload();
  expect(await heard()).toMatch(
    /^RELOADING=1\nMONOTONIC_USEC=\d+READY=1\nSTATUS=serving 1 registry host .*next renewal in [^;]+\nWATCHDOG=1$/,
  );
  await untilServed(HOSTS[0], HOSTS[1]);
  expect(log.level).toBe("debug");
  expect(broker.health.details().registries[HOSTS[0]]?.fetches).toBe(1);
  expect(logged).toContain('"changed":["log.level","registries.prefetch"]');
});

it("a reload that moves a registry host fetches a token there, and serves the one before meanwhile", async () => {
  configure({ prefetch: [HOSTS[0]], endpoints: { [HOSTS[0]]: endpoint() } });
  const supervision = await start();
  await untilServed(HOSTS[0]);
  configure({ prefetch: [HOSTS[0]], endpoints: { [HOSTS[0]]: endpoint(1), [HOSTS[2]]: endpoint(1) } });
  supervision.reload();
  await untilServed(HOSTS[0]);
  // The second registry does not know the first one's sessions, so the old token stays.
  while (simulators[1]?.requests()["registry.token"] === 0) await setImmediate();
  expect(broker.health.summary().registries[HOSTS[0]]).not.toBeNull();
});

it("a reload of a configuration with faults changes nothing, and the status says so", async () => {
  configure({ prefetch: [HOSTS[0]], endpoints: { [HOSTS[0]]: endpoint() } });
  const supervision = await start();
  await untilServed(HOSTS[0]);
  await heard();
  configure({ prefetch: ["Not A Host"] }, { log: { level: "loud" } });
  supervision.reload();
  expect(await heard()).toMatch(
    /^RELOADING=1\n.*READY=1\nSTATUS=serving 1 .*has faults; the previous one stays in force\n/s,
  );
  expect(log.level).toBe("info");
  expect(broker.health.summary().registries[HOSTS[0]]).not.toBeNull();
  expect(broker.health.details().config).toMatchObject({ inForce: "before", error: "config-invalid" });
  expect(logged).toContain("registries.prefetch.0");
  expect(logged).toContain("log.level");
});

it("a reload names what takes a restart, as often as it is asked for", async () => {
  configure({ prefetch: [], endpoints: {} });
  const supervision = await start();
  configure({ prefetch: [], endpoints: {} }, { request: { deadline: "5s" } });
  await heard();
  for (let time = 0; time < 2; time += 1) {
    supervision.reload();
    expect(await heard()).toContain("a restart is needed for request.deadline");
  }
});

it("the metrics file is there soon after the start, with the same metrics as the socket", async () => {
  configure({ prefetch: [], endpoints: {} });
  await start();
  const path = join(directory, "ocir_broker.prom");
  const text = (): string => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  while (text() === "") await setImmediate();
  expect(text()).toMatch(/^ocir_broker_textfile_timestamp_seconds [1-9]/m);
  expect(text()).toMatch(/^ocir_broker_ready 0$/m);
});
