import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "@ocir-broker/foundation";
import { createFakeClock, type FakeClock } from "@ocir-broker/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLog } from "../telemetry/log.ts";
import { type Handover, openHandover } from "./handover.ts";
import type { Snapshot } from "./snapshot.ts";

const SIZE = 64 * 1024;
const session = { token: "a.b.c", privateKey: "MII" };

let directory: string;
let path: string;
let fd: number;
let clock: FakeClock;
let lines: { level: string; code?: string; msg: string }[];
let state: Snapshot;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "handover-"));
  fd = openSync(join(directory, "state"), "w+");
  rmSync(join(directory, "state"));
  path = `/proc/self/fd/${fd}`;
  ftruncateSync(fd, SIZE);
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

afterEach(() => {
  closeSync(fd);
  rmSync(directory, { recursive: true });
});

function lasting<V>(value: V) {
  return { value, obtainedAtMs: clock.monotonicMs(), expiresAtMs: clock.monotonicMs() + 3_600_000 };
}

function remembered(registryHost: string, token: string) {
  return { registryHost, endpoint: `https://${registryHost}/`, entry: lasting(new Secret(token)) };
}

function open(
  options: { descriptor?: string | undefined; source?: string; provider?: string; snapshot?: () => Snapshot } = {},
): Handover {
  const { descriptor = String(fd), source = "here", provider = "instance-principal", snapshot = () => state } = options;
  return openHandover({
    environment: { OCIR_BROKER_STATE_FD: descriptor },
    clock,
    bootMs: () => clock.monotonicMs() + 100_000,
    log: createLog({ level: "debug", environment: {}, stream: { write: (line) => void lines.push(JSON.parse(line)) } }),
    source,
    provider,
    snapshot,
  });
}

const tokensIn = (handover: Handover) => handover.load()?.state.tokens.map(({ entry }) => entry.value.reveal());
const isErased = () => readFileSync(path).every((byte) => byte === 0);

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
    expect(isErased()).toBe(true);
  });

  it("leaves out the tokens used least recently where not all fit", async () => {
    const names = Array.from({ length: 20 }, (_, index) => `r${index}.ocir.io`);
    state = { ...state, tokens: names.map((name) => remembered(name, "x".repeat(4_096))) };
    open().scheduleSave();
    await clock.advance(0);
    const hosts = open()
      .load()
      ?.state.tokens.map(({ registryHost }) => registryHost);
    expect(hosts).toEqual(names.slice(0, 5));
  });

  it("uses the state before where the last write was torn, and says so", async () => {
    open().scheduleSave();
    await clock.advance(0);
    const bytes = readFileSync(path);
    bytes.write("half of a", SIZE / 2 + 56);
    writeFileSync(path, bytes);
    expect(tokensIn(open())).toEqual(["one"]);
    expect(lines).toMatchObject([{ level: "warn", msg: expect.stringContaining("incomplete") }]);
  });

  it.each([
    ["is not whole", (bytes: Buffer) => bytes.fill(1, 200, 300), {}, "state-broken"],
    ["is of another source", (bytes: Buffer) => bytes, { source: "elsewhere" }, "state-of-another-source"],
    ["is of another identity provider", (bytes: Buffer) => bytes, { provider: "user" }, "state-of-another-source"],
  ])("ignores and erases a state that %s, with one line", async (_what, change, options, code) => {
    open().scheduleSave();
    await clock.advance(0);
    const bytes = readFileSync(path);
    change(bytes);
    writeFileSync(path, bytes);
    expect(open(options).load()).toBeUndefined();
    expect(lines).toMatchObject([{ level: "warn", code }]);
    expect(isErased()).toBe(true);
  });

  it("ignores and erases a state of an earlier boot", async () => {
    open().scheduleSave();
    await clock.advance(0);
    clock = createFakeClock();
    const rebooted = openHandover({
      environment: { OCIR_BROKER_STATE_FD: String(fd) },
      clock,
      bootMs: () => 5_000,
      log: createLog({
        level: "info",
        environment: {},
        stream: { write: (line) => void lines.push(JSON.parse(line)) },
      }),
      source: "here",
      provider: "instance-principal",
      snapshot: () => state,
    });
    expect(rebooted.load()).toBeUndefined();
    expect(lines).toMatchObject([{ code: "state-of-another-boot" }]);
    expect(isErased()).toBe(true);
  });

  it.each([undefined, "", "2"])("does without where the environment names no descriptor but %j", (descriptor) => {
    const handover = openHandover({
      environment: { OCIR_BROKER_STATE_FD: descriptor },
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

  it("does without where the descriptor is none, with one line", () => {
    const handover = open({ descriptor: "9999" });
    handover.scheduleSave();
    expect(handover.load()).toBeUndefined();
    expect(lines).toMatchObject([{ level: "warn", msg: "state handover is not possible" }]);
  });

  it("goes on where it cannot be read or written, with one line until that changes", async () => {
    const readOnly = openSync(path, "r");
    const handover = open({ descriptor: String(readOnly) });
    for (let change = 0; change < 3; change++) {
      handover.scheduleSave();
      await clock.advance(0);
    }
    expect(lines).toMatchObject([{ code: "EBADF", msg: "state not written" }]);
    closeSync(readOnly);
    expect(handover.load()).toBeUndefined();
    expect(lines.map(({ code }) => code)).toEqual(["EBADF", "EBADF"]);
  });
});
