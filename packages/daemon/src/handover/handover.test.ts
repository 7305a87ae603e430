import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@ocir-broker/foundation/secret";
import { createFakeClock, type FakeClock } from "@ocir-broker/testkit/fake-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { createRecordedLog } from "../../test/recorded-log.ts";
import { stateFolder } from "../../test/state-folder.ts";
import { OngoingFailure } from "../telemetry/ongoing-failure.ts";
import { type Handover, openHandover } from "./handover.ts";
import type { Snapshot } from "./snapshot.ts";

let path: string;
let clock: FakeClock;
let recorded: ReturnType<typeof createRecordedLog>;
let state: Snapshot;
let failure: OngoingFailure;

beforeEach(() => {
  path = join(stateFolder(), "state");
  clock = createFakeClock();
  recorded = createRecordedLog();
  failure = new OngoingFailure(recorded.log, "state not written");
  state = {
    source: "here",
    provider: "instance-principal",
    region: undefined,
    session: lasting({ token: "a.b.c", privateKey: "MII" }),
    tokens: [remembered("iad.ocir.io", "one")],
  };
});

function lasting<V>(value: V) {
  return { value, obtainedAtMs: clock.monotonicMs(), expiresAtMs: clock.monotonicMs() + 3_600_000 };
}

function remembered(registryHost: string, token: string) {
  return { registryHost, endpoint: `https://${registryHost}/`, entry: lasting(new Secret(token)) };
}

const sourceOf = (named: string | undefined, bootMs = clock.monotonicMs() + 100_000) => ({
  environment: { OCIR_BROKER_STATE_FILE: named },
  clock,
  bootMs: () => bootMs,
});

function open({ snapshot = () => state, source = sourceOf(path) } = {}): Handover {
  return openHandover({ ...source, log: recorded.log, failure, snapshot });
}

async function save(handover = open()): Promise<void> {
  handover.scheduleSave();
  await clock.advance(0);
}

const tokensIn = (handover: Handover) => handover.load()?.state.tokens.map(({ entry }) => entry.value.reveal());

describe("Handover", () => {
  it("loads the state written after a change, without a log line", async () => {
    const first = open();
    expect(first.load()).toBeUndefined();
    await save(first);
    expect(tokensIn(open())).toEqual(["one"]);
    expect(recorded.lines).toEqual([]);
  });

  it("writes once for many changes in one turn of the event loop, including the last", async () => {
    let taken = 0;
    const handover = open({ snapshot: () => Object.assign(state, { taken: ++taken }) });
    for (let change = 0; change < 10; change++) handover.scheduleSave();
    state = { ...state, tokens: [remembered("iad.ocir.io", "two")] };
    await clock.advance(0);
    expect(taken).toBe(1);
    await save(handover);
    expect(tokensIn(open())).toEqual(["two"]);
  });

  it("writes a pending change when it closes, and nothing later", async () => {
    const handover = open();
    handover.scheduleSave();
    handover.close();
    state = { ...state, tokens: [] };
    handover.scheduleSave();
    await clock.advance(1_000);
    handover.close();
    expect(tokensIn(open())).toEqual(["one"]);
  });

  it("closes without a write when nothing has changed", () => {
    open().close();
    expect(existsSync(path)).toBe(false);
  });

  it.each<[what: string, change: () => void, bootMs: number | undefined, code: string]>([
    ["is not complete", () => writeFileSync(path, readFileSync(path).subarray(0, 200)), undefined, "state-not-valid"],
    ["is of another source", () => Object.assign(state, { source: "else" }), undefined, "state-of-another-source"],
    ["is another identity's", () => Object.assign(state, { provider: "user" }), undefined, "state-of-another-source"],
    ["is of an earlier boot", () => undefined, 5_000, "state-of-another-boot"],
  ])("ignores and removes a state that %s, and logs one line", async (_what, change, bootMs, code) => {
    await save();
    change();
    expect(open({ source: sourceOf(path, bootMs) }).load()).toBeUndefined();
    expect(recorded.lines).toMatchObject([{ level: "warn", code }]);
    expect(existsSync(path)).toBe(false);
  });

  it("does nothing if the environment names no file", () => {
    const handover = open({ source: sourceOf(""), snapshot: () => expect.unreachable() });
    handover.scheduleSave();
    handover.close();
    expect(handover.load()).toBeUndefined();
    expect([clock.armed(), recorded.lines]).toEqual([[], []]);
  });

  it.each([
    ["does not exist", "/nowhere/state", "ENOENT"],
    ["is on a disk", join(import.meta.dirname, "state"), "state-on-disk"],
  ])("does nothing except log one line if the file's folder %s", (_what, named, code) => {
    const handover = open({ source: sourceOf(named) });
    handover.scheduleSave();
    expect(handover.load()).toBeUndefined();
    expect(recorded.lines).toMatchObject([{ level: "warn", code, msg: "handover of the state is not possible" }]);
    expect(existsSync(named)).toBe(false);
  });

  it("logs one line if the file cannot be written, and writes again once it can", async () => {
    const handover = open();
    mkdirSync(path);
    for (let time = 0; time < 3; time++) await save(handover);
    expect(recorded.lines).toMatchObject([{ level: "warn", code: "EISDIR", msg: "state not written" }]);
    expect(failure.code).toBe("EISDIR");
    rmdirSync(path);
    await save(handover);
    expect(failure.code).toBeUndefined();
    expect(tokensIn(open())).toEqual(["one"]);
    mkdirSync(path);
    for (let time = 0; time < 2; time++) await save(handover);
    expect(recorded.lines.map(({ code }) => code)).toEqual(["EISDIR", "EISDIR"]);
  });

  it.each<[when: string, then: (handover: Handover) => Promise<void> | void]>([
    ["5 s later", () => clock.advance(5_000)],
    ["when it closes", (handover) => handover.close()],
    ["at the next change", (handover) => save(handover)],
  ])("writes a state that could not be written %s", async (_when, then) => {
    const handover = open();
    mkdirSync(path);
    await save(handover);
    rmdirSync(path);
    await then(handover);
    expect([tokensIn(open()), clock.armed()]).toEqual([["one"], []]);
  });

  it("leaves nothing to do after a last write that failed", async () => {
    const handover = open();
    mkdirSync(path);
    await save(handover);
    handover.close();
    expect(clock.armed()).toEqual([]);
  });
});
