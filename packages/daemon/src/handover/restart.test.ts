/**
 * A daemon starts with the state that a killed one left: two brokers, one file, and a cloud that may be down. Of the built daemon:
 * test/system/daemon-in-its-unit.test.ts.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { configOf, daemonSections } from "@ocir-broker/credentials/test/config";
import { passwordIn, requestFor } from "@ocir-broker/credentials/test/kubelet-request";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeEach, expect, it } from "vitest";
import { createRecordedLog } from "../../test/recorded-log.ts";
import { startedDaemon } from "../../test/started-daemon.ts";
import { stateFolder } from "../../test/state-folder.ts";
import type { Daemon } from "../daemon.ts";

const HOSTS = ["icn.ocir.io", "iad.ocir.io"];
const OUTAGE = { endpoint: "*", status: 503 } as const;

const simulator = await sharedSimulator();
let environment: { OCIR_BROKER_STATE_FILE: string };

beforeEach(() => {
  environment = { OCIR_BROKER_STATE_FILE: join(stateFolder(), "state") };
});

/** Each broker has its own sockets, because the previous one is not stopped, as if it had been killed. */
async function start(registries: object = { prefetch: HOSTS }, { log } = createRecordedLog()) {
  const { registries: common, ...sections } = daemonSections(simulator, temporaryFolder(), HOSTS);
  const config = configOf({ ...sections, registries: { ...common, ...registries } });
  return startedDaemon({ config, environment, log });
}

async function passwordFrom(broker: Daemon, host: string): Promise<string> {
  return passwordIn(await broker.answer(requestFor(`${host}/tenancy/app:1`)), host);
}

/** The tokens of a broker that has saved its state, which it does on the turn after the change. */
async function warmed(broker: Daemon, hosts: readonly string[] = HOSTS): Promise<string[]> {
  const passwords = await Promise.all(hosts.map((host) => passwordFrom(broker, host)));
  // Looks for the token's field, since the configuration in the state names registry hosts too.
  const isSaved = (state: string) => hosts.every((host) => state.includes(`"registryHost":"${host}"`));
  const { OCIR_BROKER_STATE_FILE: path } = environment;
  while (!existsSync(path) || !isSaved(readFileSync(path, "latin1"))) await setImmediate();
  return passwords;
}

it("a restarted broker serves its home region's registry, even if the configuration does not name it", async () => {
  const home = { prefetch: undefined };
  const [password] = await warmed(await start(home), ["iad.ocir.io"]);
  simulator.faults(OUTAGE);
  const recorded = createRecordedLog();
  const broker = await start(home, recorded);
  expect(broker.health.details().registries["iad.ocir.io"]).toMatchObject({ kept: true, state: "fresh" });
  expect(await passwordFrom(broker, "iad.ocir.io")).toBe(password);
  const logged = JSON.stringify(recorded.lines);
  expect(logged).toContain("state restored");
  for (const part of String(password).split(".")) expect(logged).not.toContain(part);
  expect(logged).not.toMatch(/eyJ|MII|BEGIN/);
});

it("a restarted broker signs with the restored session", async () => {
  await warmed(await start());
  simulator.reset();
  const broker = await start({ endpoints: { "lhr.ocir.io": simulator.registryUrl.href } });
  expect(await passwordFrom(broker, "lhr.ocir.io")).toEqual(expect.any(String));
  expect(simulator.requests()).toMatchObject({ "auth.x509": 0, "registry.token": 1 });
  expect(simulator.refusals()).toEqual([]);
});
