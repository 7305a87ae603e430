/**
 * The broker under clock changes: a wall clock that is set, a machine that sleeps, upstreams with a wrong clock. The real code on
 * real sockets; the test controls the node's clock, and the simulator has the true time.
 */
import { setTimeout } from "node:timers/promises";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { describe, expect, it, onTestFinished } from "vitest";
import { createDrivenClock, type DrivenClock } from "./driven-clock.ts";
import { type InProcessBroker, type Pulled, startInProcess } from "./in-process-broker.ts";

const HOST = "iad.ocir.io";
const IMAGE = `${HOST}/acme/shop/web`;
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** The longest wait of a request. */
const LONG_MS = 16 * SECOND_MS;

/** Node and upstream clocks may differ by this much before Oracle refuses signatures. */
const TOLERATED_MS = 4 * MINUTE_MS;

interface Stage {
  /** The true time, which the upstream has. */
  readonly clock: DrivenClock;
  readonly simulator: Simulator;
  readonly broker: InProcessBroker;
  /** Sets the node's wall clock ahead of the true time by this much. */
  setNodeAhead(ms: number): void;
  pull(): Promise<Pulled>;
  /** Advances the time, but never during an exchange. */
  pass(ms: number): Promise<void>;
  /** Whether the registry accepts the token now. */
  isTaken(pulled: Pulled): Promise<boolean>;
}

async function setStage(nodeAheadMs = 0): Promise<Stage> {
  const clock = createDrivenClock();
  let aheadMs = nodeAheadMs;
  const nodeClock = { ...clock, wallMs: () => clock.wallMs() + aheadMs };
  const simulator = await startSimulator({ clock });
  onTestFinished(() => simulator.close());
  const registries = { endpoints: { [HOST]: simulator.registryUrl.origin } };
  const broker = await startInProcess({ clock: nodeClock, simulator, config: { registries }, logLevel: "info" });
  onTestFinished(() => broker.close());
  const pass = (ms: number): Promise<void> => clock.pass(ms, broker);

  /** A pull without a token waits for the next attempt, so the time must advance. */
  async function pull(): Promise<Pulled> {
    let isAnswered = false;
    const pulling = broker.pull(IMAGE).finally(() => {
      isAnswered = true;
    });
    while (!isAnswered) {
      await Promise.race([pulling, setTimeout(20)]);
      await clock.driveUntil(() => isAnswered || !broker.isFetching());
      if (!isAnswered && (clock.armed()[0] ?? LONG_MS) < LONG_MS) await clock.advance(clock.armed()[0] ?? 0);
    }
    return pulling;
  }

  return {
    clock,
    simulator,
    broker,
    pass,
    pull,
    setNodeAhead(ms) {
      aheadMs = ms;
    },
    async isTaken(pulled) {
      if (pulled.kind !== "token") return false;
      const url = new URL("/v2/acme/shop/web/manifests/latest", simulator.registryUrl);
      const { status } = await fetch(url, { headers: { authorization: `Bearer ${pulled.token.text}` } });
      return status === 200;
    },
  };
}

/** Pulls once a minute; each pull must get a token that the registry accepts. */
async function pullFor(ms: number, { clock, pull, pass, isTaken }: Stage): Promise<number> {
  const endsAtMs = clock.monotonicMs() + ms;
  let pulls = 0;
  for (; clock.monotonicMs() < endsAtMs; pulls++) {
    const pulled = await pull();
    expect(await isTaken(pulled), `minute ${pulls}: ${JSON.stringify(pulled)}`).toBe(true);
    await pass(MINUTE_MS);
  }
  return pulls;
}

describe.each([
  ["2 h ahead", 2 * HOUR_MS],
  ["2 h behind", -2 * HOUR_MS],
])("a wall clock set %s", (_how, jumpMs) => {
  it("refuses no token that is good, and serves none that has ended", async () => {
    const stage = await setStage();
    const { clock, setNodeAhead, pull, pass, isTaken } = stage;
    const first = await pull();
    const endsAtMs = first.kind === "token" ? (first.token.expiresAtMs ?? 0) : 0;
    await pass(5 * MINUTE_MS);
    setNodeAhead(jumpMs);

    // Signatures are refused from now on, so no renewal succeeds.
    await pullFor(endsAtMs - MINUTE_MS - clock.wallMs(), stage);
    while (clock.wallMs() < endsAtMs + 10 * MINUTE_MS) {
      const pulled = await pull();
      if (pulled.kind === "token") expect(await isTaken(pulled)).toBe(true);
      else expect(pulled).toEqual({ kind: "error", code: "clock-skew" });
      await pass(10 * SECOND_MS);
    }
    expect(await pull()).toEqual({ kind: "error", code: "clock-skew" });

    setNodeAhead(0);
    await pass(MINUTE_MS);
    await pullFor(2 * HOUR_MS, stage);
  });

  it("and back again costs nothing", async () => {
    const stage = await setStage();
    for (const aheadMs of [jumpMs, 0, -jumpMs, 0]) {
      await pullFor(10 * MINUTE_MS, stage);
      stage.setNodeAhead(aheadMs);
    }
    await pullFor(2 * HOUR_MS, stage);
  });
});

describe("a machine that sleeps", () => {
  it("for 30 minutes has new tokens and a new session within 5 s of waking, and serves from the first moment", async () => {
    const stage = await setStage();
    const { clock, broker, pull, pass, isTaken } = stage;
    const before = await pull();
    await pass(MINUTE_MS);
    await clock.suspend(30 * MINUTE_MS);
    const wokeAtMs = clock.monotonicMs();
    const from = broker.log.findLastIndex(({ msg }) => msg === "token fetched");

    expect(await isTaken(await pull())).toBe(true);
    await clock.driveUntil(() => broker.log.slice(from + 1).some(({ msg }) => msg === "token fetched"));

    expect(clock.monotonicMs() - wokeAtMs).toBeLessThan(5 * SECOND_MS);
    const { session } = broker.broker.health.summary();
    expect(session?.ageSeconds).toBeLessThanOrEqual(5);
    const after = await pull();
    expect(after).not.toEqual(before);
    expect(await isTaken(after)).toBe(true);
  });

  it("for longer than its token lives serves a new one at the first pull", async () => {
    const stage = await setStage();
    const { clock, pull, isTaken } = stage;
    await pull();
    await clock.suspend(3 * HOUR_MS);
    expect(await isTaken(await pull())).toBe(true);
  });

  it("again and again serves good tokens only", async () => {
    const stage = await setStage();
    for (let naps = 0; naps < 20; naps++) {
      await pullFor(7 * MINUTE_MS, stage);
      await stage.clock.suspend(30 * MINUTE_MS);
    }
  });
});

describe("an upstream", () => {
  it.each([
    ["10 min ahead", 10 * MINUTE_MS],
    ["10 min behind", -10 * MINUTE_MS],
  ])("whose Date alone is %s costs no pull in three hours", async (_how, dateSkewMs) => {
    const stage = await setStage();
    stage.simulator.faults({ endpoint: "*", dateSkewMs });
    expect(await pullFor(3 * HOUR_MS, stage)).toBeGreaterThanOrEqual(170);
  });

  it.each([
    ["4 min ahead", -TOLERATED_MS],
    ["4 min behind", TOLERATED_MS],
  ])("whose clock is %s of ours costs no pull in three hours", async (_how, nodeAheadMs) => {
    expect(await pullFor(3 * HOUR_MS, await setStage(nodeAheadMs))).toBeGreaterThanOrEqual(170);
  });

  it.each([
    ["10 min ahead", -10 * MINUTE_MS],
    ["10 min behind", 10 * MINUTE_MS],
  ])(
    "whose clock is %s of ours is named as the reason, and works once the clock is right",
    async (_how, nodeAheadMs) => {
      const stage = await setStage(nodeAheadMs);
      expect(await stage.pull()).toEqual({ kind: "error", code: "clock-skew" });
      stage.setNodeAhead(0);
      await stage.pass(MINUTE_MS);
      expect(await stage.isTaken(await stage.pull())).toBe(true);
    },
  );
});
