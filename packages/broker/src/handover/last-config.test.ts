import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createFakeClock } from "@ocir-broker/testkit";
import { expect, it, onTestFinished } from "vitest";
import { configSchema } from "../config/schema.ts";
import { lastConfig } from "./last-config.ts";
import { encodeSnapshot } from "./snapshot.ts";
import { createStateFile } from "./state-file.ts";

const clock = createFakeClock();
const now = { monotonicMs: clock.monotonicMs(), bootMs: 100_000, wallMs: clock.wallMs() };

function newPath(): string {
  const directory = mkdtempSync("/dev/shm/last-config-");
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, "state");
}

function write(path: string, config: unknown, bootMs = now.bootMs): void {
  const state = { source: "", provider: "p", config, region: undefined, session: undefined, tokens: [] };
  createStateFile(path).write(encodeSnapshot(state, { ...now, bootMs }));
}

const read = (path: string | undefined) =>
  lastConfig({ environment: { OCIR_BROKER_STATE_FILE: path }, clock, bootMs: () => now.bootMs });

it("lastConfig gives the configuration of a state", () => {
  const path = newPath();
  const config = configSchema.parse({ registries: { extraHosts: ["a.example"] } });
  write(path, config);
  expect(read(path)).toEqual(config);
});

it.each<[string, (path: string) => void]>([
  ["that does not exist", () => undefined],
  ["that is broken", (path) => writeFileSync(path, "x")],
  ["of another boot", (path) => write(path, configSchema.parse({}), now.bootMs + 1)],
  ["without a configuration", (path) => write(path, undefined)],
  ["with one that this release does not take", (path) => write(path, { unknown: {} })],
])("lastConfig gives nothing for a state %s", (_what, prepare) => {
  const path = newPath();
  prepare(path);
  expect(read(path)).toBeUndefined();
});

it("lastConfig gives nothing without a path, or for one that cannot be used", () => {
  expect(read(undefined)).toBeUndefined();
  expect(read("/nowhere/state")).toBeUndefined();
});
