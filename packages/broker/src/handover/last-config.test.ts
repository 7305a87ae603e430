import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFakeClock } from "@ocir-broker/testkit";
import { expect, it, onTestFinished } from "vitest";
import { configSchema } from "../config/schema.ts";
import { lastConfig } from "./last-config.ts";
import { createMemfdStore } from "./memfd-store.ts";
import { encodeSnapshot } from "./snapshot.ts";

const clock = createFakeClock();
const now = { monotonicMs: clock.monotonicMs(), bootMs: 100_000, wallMs: clock.wallMs() };

function openState(): number {
  const directory = mkdtempSync(join(tmpdir(), "last-config-"));
  const fd = openSync(join(directory, "state"), "w+");
  rmSync(directory, { recursive: true });
  ftruncateSync(fd, 64 * 1024);
  onTestFinished(() => closeSync(fd));
  return fd;
}

function write(fd: number, config: unknown, bootMs = now.bootMs): void {
  const state = { source: "", provider: "p", config, region: undefined, session: undefined, tokens: [] };
  createMemfdStore(fd).write(encodeSnapshot(state, { ...now, bootMs }));
}

const read = (descriptor: string | undefined) =>
  lastConfig({ environment: { OCIR_BROKER_STATE_FD: descriptor }, clock, bootMs: () => now.bootMs });

it("lastConfig gives the configuration of a state", () => {
  const fd = openState();
  const config = configSchema.parse({ registries: { extraHosts: ["a.example"] } });
  write(fd, config);
  expect(read(String(fd))).toEqual(config);
});

it.each<[string, (fd: number) => void]>([
  ["that is empty", () => undefined],
  ["that is broken", (fd) => writeSync(fd, "x")],
  ["of another boot", (fd) => write(fd, configSchema.parse({}), now.bootMs + 1)],
  ["without a configuration, as release 0.1.0 left it", (fd) => write(fd, undefined)],
  ["with one that this release does not take", (fd) => write(fd, { unknown: {} })],
])("lastConfig gives nothing for a state %s", (_what, prepare) => {
  const fd = openState();
  prepare(fd);
  expect(read(String(fd))).toBeUndefined();
});

it("lastConfig gives nothing without a state, or for a descriptor that is none", () => {
  expect(read(undefined)).toBeUndefined();
  expect(read("999999")).toBeUndefined();
});
