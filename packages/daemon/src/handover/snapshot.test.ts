import { Secret } from "@ocir-broker/foundation/secret";
import { BOOT_STEP_MS } from "@ocir-broker/foundation/time/clock";
import { describe, expect, it } from "vitest";
import { decodeSnapshot, encodeSnapshot, type Moment, type Snapshot } from "./snapshot.ts";

const HOUR_MS = 3_600_000;
const session = { token: "a.b.c", privateKey: "MII" };

/** The first process is 5 s old on a machine that has been up for 1000 s. */
const written: Moment = { monotonicMs: 5_000, bootMs: 1_000_000 };

const REGION = { id: "us-ashburn-1", key: "iad", realmKey: "oc1", realmDomain: "oraclecloud.com" };

const state: Snapshot = {
  source: "here",
  provider: "instance-principal",
  region: { value: REGION, obtainedAtMs: 0, expiresAtMs: Infinity },
  session: { value: session, obtainedAtMs: 3_000, expiresAtMs: 3_000 + HOUR_MS / 3 },
  tokens: ["iad.ocir.io", "icn.ocir.io"].map((registryHost, index) => ({
    registryHost,
    endpoint: `https://${registryHost}/`,
    entry: { value: new Secret(`token-${index}`), obtainedAtMs: 4_000, expiresAtMs: 4_000 + (index + 1) * HOUR_MS },
  })),
};

/** Decodes in a new process, 50 ms old, `ms` after the state was written. */
function after(ms: number): Moment {
  return { monotonicMs: 50, bootMs: written.bootMs + ms };
}

const encode = (given: Snapshot, now = written) => encodeSnapshot(given, now);
const ENCODED = JSON.parse(encode(state).toString());
const SESSION_WITHOUT_END = { ...ENCODED.session, expiresAtBootMs: null };

function decodeAt(now: Moment, payload = encode(state)) {
  const decoded = decodeSnapshot(payload, now);
  if ("error" in decoded) throw new Error(decoded.error);
  return decoded;
}

/** The encoded state with these fields replaced. */
const altered = (fields: object): Buffer => Buffer.from(JSON.stringify({ ...ENCODED, ...fields }));

describe("decodeSnapshot", () => {
  it("returns the encoded state, with lives shortened by the elapsed time and one boot clock step", () => {
    const { state: found, ageMs } = decodeAt(after(60_000));
    expect(ageMs).toBe(60_000);
    expect(found).toMatchObject({ source: "here", region: { value: REGION, expiresAtMs: HOUR_MS + 50 } });
    expect(found.session?.value).toEqual(session);
    expect(
      found.tokens.map(({ registryHost, endpoint, entry }) => [registryHost, endpoint, entry.value.reveal()]),
    ).toEqual([
      ["iad.ocir.io", "https://iad.ocir.io/", "token-0"],
      ["icn.ocir.io", "https://icn.ocir.io/", "token-1"],
    ]);
    // It had 3599 s left when it was written.
    const leftMs = (found.tokens[0]?.entry.expiresAtMs ?? 0) - 50;
    expect(leftMs).toBe(4_000 + HOUR_MS - written.monotonicMs - 60_000 - BOOT_STEP_MS);
    expect(found.tokens[0]?.entry.obtainedAtMs).toBe(4_000 - written.monotonicMs - 60_000 - BOOT_STEP_MS + 50);
  });

  it("extends no life, whatever time one step of the boot clock hides", () => {
    for (const hiddenMs of [0, BOOT_STEP_MS - 1]) {
      const payload = encode(state, { ...written, bootMs: written.bootMs - hiddenMs });
      const expiresAtMs = decodeAt(after(60_000 - (BOOT_STEP_MS - 1 - hiddenMs)), payload).state.tokens[0]?.entry
        .expiresAtMs;
      expect(expiresAtMs).toBeLessThanOrEqual(50 + 4_000 + HOUR_MS - written.monotonicMs - 60_000 + hiddenMs);
    }
  });

  it("leaves out entries that have expired meanwhile", () => {
    const { state: later } = decodeAt(after(HOUR_MS / 2));
    expect(later.session).toBeUndefined();
    expect(later.tokens).toHaveLength(2);
    expect(decodeAt(after(HOUR_MS)).state.tokens.map(({ registryHost }) => registryHost)).toEqual(["icn.ocir.io"]);
    expect(decodeAt(after(3 * HOUR_MS)).state).toMatchObject({ region: { value: REGION }, tokens: [] });
  });

  it("returns an empty state", () => {
    const nothing = { source: "here", provider: "user", region: undefined, session: undefined, tokens: [] };
    expect(decodeAt(after(1_000), encode(nothing)).state).toEqual(nothing);
  });

  it("refuses a state of another boot", () => {
    expect(decodeSnapshot(encode(state), after(-1))).toEqual({ error: "state-of-another-boot" });
  });

  it.each([
    ["has another version", altered({ version: 1 })],
    ["names no provider", altered({ provider: undefined })],
    ["is not complete", encode(state).subarray(0, 200)],
    ["is JSON but not an object", Buffer.from("[]")],
    ["has a lifetime that is not a number", altered({ session: SESSION_WITHOUT_END })],
    ["has an invalid token", altered({ tokens: [{ registryHost: "iad.ocir.io" }] })],
    ["has an invalid region", altered({ region: { id: "" } })],
  ])("refuses a state that %s", (_what, payload) => {
    expect(decodeSnapshot(payload, after(1_000))).toEqual({ error: "state-not-valid" });
  });
});
