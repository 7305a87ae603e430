import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ConfigError } from "../config/config-error.ts";
import { createConfigStatus } from "../config/config-status.ts";
import { changesBetween } from "../config/diff.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { createLog } from "../telemetry/log.ts";
import { createReload } from "./reload.ts";

let directory: string;
let path: string;
let logged: string;
let inForce: Config;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "reload-"));
  path = join(directory, "config.yaml");
  logged = "";
  inForce = loadConfig({ environment: {} });
});

afterEach(() => rmSync(directory, { recursive: true }));

const write = (line: string): void => {
  logged += line;
};

function create({ applyConfig, startFault }: { applyConfig?: () => never; startFault?: ConfigError } = {}) {
  const status = createConfigStatus(path, { inForce: startFault ? "valid-part" : "all", fault: startFault });
  const run = createReload({
    source: { path, environment: {} },
    status,
    applyConfig:
      applyConfig ??
      ((config) => {
        const changes = changesBetween(inForce, config);
        inForce = config;
        return changes;
      }),
    log: createLog({ level: "info", environment: {}, stream: { write } }),
  });
  return { run, ...status };
}

it("a reload applies what the file says now", () => {
  const reload = create();
  writeFileSync(path, "log: {level: debug}");
  reload.run();
  expect(inForce.log.level).toBe("debug");
  expect(JSON.parse(logged)).toMatchObject({ changed: ["log.level"], needRestart: [], msg: "configuration reloaded" });
  expect(reload.note()).toBeUndefined();
});

it("a reload says what takes a restart", () => {
  const reload = create();
  writeFileSync(path, "request: {deadline: 5s}");
  reload.run();
  expect(JSON.parse(logged)).toMatchObject({ changed: [], needRestart: ["request.deadline"] });
  expect(reload.note()).toBe("a restart is needed for request.deadline");
  expect(reload.details()).toMatchObject({ inForce: "all", error: null, needRestart: ["request.deadline"] });
});

it("a reload of a file with faults names them all and leaves the configuration as it is, until the file is right", () => {
  const reload = create();
  const before = inForce;
  writeFileSync(path, "log: {level: loud, colour: red}");
  reload.run();
  expect(inForce).toBe(before);
  expect(JSON.parse(logged)).toMatchObject({ level: "error", error: { code: "config-invalid" } });
  expect(logged).toContain("log.level: must be");
  expect(logged).toContain("log.colour: unknown key");
  expect(reload.note()).toContain("has faults");
  expect(reload.details()).toEqual({
    path,
    inForce: "before",
    error: "config-invalid",
    faultyPlaces: ["line 1: log.level", "line 1: an unknown key in log"],
    needRestart: [],
  });
  writeFileSync(path, "log: {level: info}");
  reload.run();
  expect(reload.note()).toBeUndefined();
});

it("a start in spite of faults says so until a reload finds none", () => {
  const reload = create({ startFault: new ConfigError("config-invalid", "faults", []) });
  expect(reload.note()).toContain("has faults");
  writeFileSync(path, "log: {level: info}");
  reload.run();
  expect(reload.note()).toBeUndefined();
});

it("a reload of a file that has gone leaves the configuration as it is", () => {
  const reload = create();
  reload.run();
  expect(JSON.parse(logged)).toMatchObject({ level: "error", error: { code: "config-unreadable" } });
});

it("a reload hides no fault of ours", () => {
  writeFileSync(path, "");
  const reload = create({
    applyConfig() {
      throw new TypeError("ours");
    },
  });
  expect(() => reload.run()).toThrow("ours");
});
