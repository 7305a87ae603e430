import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@ocir-broker/foundation";
import { createFakeClock, type FakeClock } from "@ocir-broker/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLog } from "../telemetry/log.ts";
import { type Handover, openHandover } from "./handover.ts";
import type { Snapshot } from "./snapshot.ts";

const session = { token: "a.b.c", privateKey: "MII" };

let directory: string;
let path: string;
let clock: FakeClock;
let lines: { level: string; code?: string; msg: string }[];
let state: Snapshot;

beforeEach(() => {
  directory = mkdtempSync("/dev/shm/handover-");
  path = join(directory, "state");
  clock = createFakeClock();
  lines = [];
  state = {
    source: "here",
    provider: "instance-principal",
    region: undefined,
    session: lasting(session),
    tokens: [remembered("iad.ocir.io", "one")],
  };
});

afterEach(() => rmSync(directory, { recursive: true }));

function lasting<V>(value: V) {
  return { value, obtainedAtMs: clock.monotonicMs(), expiresAtMs: clock.monotonicMs() + 3_600_000 };
}

function remembered(registryHost: string, token: string) {
  return { registryHost, endpoint: `https://${registryHost}/`, entry: lasting(new Secret(token)) };
}

function open(
  options: { source?: string; provider?: string; snapshot?: () => Snapshot; bootMs?: number; path?: string } = {},
): Handover {
  const { source = "here", provider = "instance-principal", snapshot = () => state } = options;
  return openHandover({
    environment: { OCIR_BROKER_STATE_FILE: options.path ?? path },
    clock,
    bootMs: () => options.bootMs ?? clock.monotonicMs() + 100_000,
    log: createLog({ level: "debug", environment: {}, stream: { write: (line) => void lines.push(JSON.parse(line)) } }),
    source,
    provider,
    snapshot,
  });
}

const tokensIn = (handover: Handover) => handover.load()?.state.tokens.map(({ entry }) => entry.value.reveal());

describe("Handover", () => {
  it("recalls what was written after a change, and says nothing about it", async () => {
    const first = open();
    expect(first.load()).toBeUndefined();
    first.scheduleSave();
    await clock.advance(0);
    expect(tokensIn(open())).toEqual(["one"]);
    expect(lines).toEqual([]);
  });

  it("writes many changes of one turn once, with the last", async () => {
    let taken = 0;
    const handover = open({ snapshot: () => Object.assign(state, { taken: ++taken }) });
    for (let change = 0; change < 10; change++) handover.scheduleSave();
    state = { ...state, tokens: [remembered("iad.ocir.io", "two")] };
    await clock.advance(0);
    expect(taken).toBe(1);
    handover.scheduleSave();
    await clock.advance(0);
    expect(tokensIn(open())).toEqual(["two"]);
  });

  it("writes what is pending when it closes, and nothing later", async () => {
    const handover = open();
    handover.scheduleSave();
    handover.close();
    state = { ...state, tokens: [] };
    handover.scheduleSave();
    await clock.advance(1_000);
    handover.close();
    expect(tokensIn(open())).toEqual(["one"]);
  });

  it("closes without a write where nothing has changed", () => {
    open().close();
    expect(existsSync(path)).toBe(false);
  });

  it("leaves out the tokens used least recently where not all fit", async () => {
    const names = Array.from({ length: 20 }, (_, index) => `r${index}.ocir.io`);
    state = { ...state, tokens: names.map((name) => remembered(name, "x".repeat(65_536))) };
    open().scheduleSave();
    await clock.advance(0);
    const hosts = open()
      .load()
      ?.state.tokens.map(({ registryHost }) => registryHost);
    expect(hosts).toEqual(names.slice(0, 10));
  });

  it.each([
    ["is not complete", () => writeFileSync(path, readFileSync(path).subarray(0, 200)), {}, "state-broken"],
    ["is of another source", () => undefined, { source: "elsewhere" }, "state-of-another-source"],
    ["is of another identity provider", () => undefined, { provider: "user" }, "state-of-another-source"],
    ["is of an earlier boot", () => undefined, { bootMs: 5_000 }, "state-of-another-boot"],
  ])("ignores and removes a state that %s, with one line", async (_what, change, options, code) => {
    open().scheduleSave();
    await clock.advance(0);
    change();
    expect(open(options).load()).toBeUndefined();
    expect(lines).toMatchObject([{ level: "warn", code }]);
    expect(existsSync(path)).toBe(false);
  });

  it.each([undefined, ""])("does nothing if the environment names no file but %j", (named) => {
    const handover = openHandover({
      environment: { OCIR_BROKER_STATE_FILE: named },
      clock,
      bootMs: () => 0,
      log: createLog({ level: "info", environment: {}, stream: { write: () => expect.unreachable() } }),
      source: "here",
      provider: "instance-principal",
      snapshot: () => expect.unreachable(),
    });
    handover.scheduleSave();
    handover.close();
    expect(handover.load()).toBeUndefined();
    expect(clock.armed()).toEqual([]);
  });

  it.each([
    ["does not exist", "/nowhere/state", "ENOENT"],
    ["is on a disk", join(import.meta.dirname, "state"), "state-on-disk"],
  ])("does nothing if the file's folder %s, with one line", (_what, elsewhere, code) => {
    const handover = open({ path: elsewhere });
    handover.scheduleSave();
    expect(handover.load()).toBeUndefined();
    expect(lines).toMatchObject([{ level: "warn", code, msg: "state handover is not possible" }]);
    expect(existsSync(elsewhere)).toBe(false);
  });

  it("continues if the file cannot be written, with one line until that changes, and writes once it can", async () => {
    const handover = open();
    async function save(times: number): Promise<void> {
      for (let time = 0; time < times; time++) {
        handover.scheduleSave();
        await clock.advance(0);
      }
    }
    mkdirSync(path);
    await save(3);
    expect(lines).toMatchObject([{ level: "warn", code: "EISDIR", msg: "state not written" }]);
    rmdirSync(path);
    await save(1);
    expect(tokensIn(open())).toEqual(["one"]);
    rmSync(path);
    mkdirSync(path);
    await save(2);
    expect(lines.map(({ code }) => code)).toEqual(["EISDIR", "EISDIR"]);
    rmdirSync(path);
  });
});
