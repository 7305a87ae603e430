/** A pipe stands for the service manager's socket. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { changesBetween } from "@ocir-broker/config/config-changes";
import { ConfigError } from "@ocir-broker/config/config-error";
import { loadConfig } from "@ocir-broker/config/load";
import type { Config } from "@ocir-broker/config/schema";
import { kernelMonotonicUs } from "@ocir-broker/foundation/time/clock";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { createRecordedLog } from "../../test/recorded-log.ts";
import { createConfigStatus } from "../config/config-status.ts";
import { superviseBroker } from "./supervise.ts";

let path: string;
let manager: number;
let inForce: Config;
let kept: Config[];

beforeEach(() => {
  const folder = temporaryFolder();
  path = join(folder, "config.yaml");
  const fifo = join(folder, "notify");
  execFileSync("mkfifo", [fifo]);
  manager = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  onTestFinished(() => closeSync(manager));
  inForce = loadConfig({ environment: {} }).config;
  kept = [];
});

/** Applies every key. */
function applyConfig(config: Config) {
  const changes = changesBetween(inForce, config);
  inForce = config;
  return changes;
}

function start(
  configError?: ConfigError,
  apply: typeof applyConfig = applyConfig,
  found: { readonly inForce?: "nothing" } = {},
) {
  const { log, lines } = createRecordedLog();
  const configStatus = createConfigStatus(path, {
    inForce: configError ? "before" : "all",
    configError,
    warning: undefined,
    ...found,
  });
  const health = { details: () => ({ session: null, registries: {} }) } as never;
  const environment = { OCIR_BROKER_NOTIFY_FD: String(manager), WATCHDOG_USEC: "30000000" };
  const supervision = superviseBroker({
    ...{ environment, clock: createFakeClock(), kernelMonotonicUs, log, pid: process.pid },
    ...{ broker: { health, applyConfig: apply }, configSource: { path, environment: {} }, configStatus },
    lastValidConfig: { read: () => undefined, update: ({ config }) => kept.push(config) },
  });
  return { ...supervision, configStatus, lines };
}

/** Messages since the last call. */
async function heard(): Promise<string> {
  await setImmediate();
  const bytes = Buffer.alloc(65_536);
  return bytes.toString("utf8", 0, readSync(manager, bytes));
}

it("superviseBroker notifies that the broker is ready, with its state, and that it stops", async () => {
  const supervision = start();
  expect(await heard()).toMatch(/^READY=1\nSTATUS=no token yet; .*\nWATCHDOG=1$/);
  supervision.stopping();
  expect(await heard()).toBe("STOPPING=1");
});

it("superviseBroker applies the file at a reload, and reports keys that need a restart at each reload", async () => {
  const { reload, lines, configStatus } = start();
  await heard();
  writeFileSync(path, "log: {level: debug}\nrequest: {deadline: 5s}");
  reload();
  expect(inForce.log.level).toBe("debug");
  expect(kept).toEqual([inForce]);
  expect(lines).toMatchObject([
    { changed: ["log.level"], needRestart: ["request.deadline"], msg: "configuration reloaded" },
  ]);
  expect(await heard()).toMatch(
    /^RELOADING=1\nMONOTONIC_USEC=\d+READY=1\nSTATUS=.*a restart is needed for request\.deadline\nWATCHDOG=1$/,
  );
  const read = configStatus.details();
  expect(read).toMatchObject({ inForce: "all", error: null, needRestart: ["request.deadline"], changed: false });
  expect(configStatus.details()).toBe(read);
  writeFileSync(path, "log: {level: loud}");
  reload();
  expect(configStatus.details()).toMatchObject({ inForce: "before", needRestart: ["request.deadline"] });
  rmSync(path);
  expect(configStatus.details()).toMatchObject({ inForce: "before", changed: true });
});

it("superviseBroker changes nothing at a reload with errors, and reports all until the file is valid", async () => {
  const { reload, lines, configStatus } = start();
  await heard();
  const before = inForce;
  writeFileSync(path, "log: {level: loud, colour: red}");
  reload();
  expect(inForce).toBe(before);
  expect(kept).toEqual([]);
  expect(lines).toMatchObject([{ level: "error", error: { code: "config-invalid" } }]);
  expect(lines[0]?.error?.message).toMatch(/log\.level: must be.*log\.colour: unknown key/s);
  expect(await heard()).toMatch(/^RELOADING=1\n.*READY=1\nSTATUS=.*has errors; the last valid one stays in force\n/s);
  expect(configStatus.details()).toEqual({
    path,
    inForce: "before",
    error: "config-invalid",
    errorPlaces: ["line 1: log.level", "line 1: an unknown key in log"],
    needRestart: [],
    changed: false,
    warning: null,
  });
  writeFileSync(path, "log: {level: info}");
  reload();
  expect(configStatus.note()).toBeUndefined();
});

it("superviseBroker reports configuration errors of the start, ten places at most, until a reload finds none", () => {
  const places = Array.from({ length: 30 }, (_, at) => `line ${at + 1}: an unknown key`);
  const { reload, configStatus } = start(new ConfigError("config-invalid", "canary", places));
  expect(configStatus.note()).toContain("has errors");
  expect(configStatus.details()).toEqual({
    path,
    inForce: "before",
    error: "config-invalid",
    errorPlaces: places.slice(0, 10),
    needRestart: [],
    changed: false,
    warning: null,
  });
  writeFileSync(path, "log: {level: info}");
  reload();
  expect(configStatus.note()).toBeUndefined();
});

it("superviseBroker asks for a restart of a broker without any configuration once a reload finds a valid one", () => {
  const { reload, configStatus } = start(new ConfigError("config-invalid", "canary", []), () => expect.fail(), {
    inForce: "nothing",
  });
  expect(configStatus.note()).toContain("has errors, so every pull fails");
  writeFileSync(path, "log: {level: loud}");
  expect(reload()).toBe("done");
  expect(configStatus.details()).toMatchObject({ inForce: "nothing", errorPlaces: ["line 1: log.level"] });
  writeFileSync(path, "");
  expect(reload()).toBe("restart");
});

it("superviseBroker changes nothing at a reload if the file is missing", () => {
  const { reload, lines } = start();
  reload();
  expect(lines).toMatchObject([{ level: "error", error: { code: "config-unreadable" } }]);
});

it("superviseBroker does not hide an internal error of a reload", () => {
  writeFileSync(path, "");
  const { reload } = start(undefined, () => {
    throw new TypeError("internal");
  });
  expect(reload).toThrow("internal");
});
