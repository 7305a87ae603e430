/**
 * The broker under clock changes: a wall clock that is set, a machine that sleeps, upstreams with a wrong clock. The real code on
 * real sockets; the test controls the node's clock, and the simulator has the true time.
 */
import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";
import { type DrivenBroker, HOST, startDrivenBroker } from "./driven-broker.ts";
import type { Pulled } from "./in-process-broker.ts";

const REPOSITORY = "acme/shop/web";
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** The longest wait of a request. */
const LONG_MS = 16 * SECOND_MS;

/** Node and upstream clocks may differ by this much before Oracle refuses signatures. */
const TOLERATED_MS = 4 * MINUTE_MS;

/** A pull without a token waits for the next attempt, so the time must advance. */
async function pull({ clock, broker }: DrivenBroker): Promise<Pulled> {
  let isAnswered = false;
  const pulling = broker.pull(`${HOST}/${REPOSITORY}`).finally(() => {
    isAnswered = true;
  });
  while (!isAnswered) {
    await Promise.race([pulling, setTimeout(20)]);
    await clock.driveUntil(() => isAnswered || !broker.isFetching());
    if (!isAnswered && (clock.armed()[0] ?? LONG_MS) < LONG_MS) await clock.advance(clock.armed()[0] ?? 0);
  }
  return pulling;
}

/** Whether the registry accepts the token now. */
async function isTaken({ statusFor }: DrivenBroker, pulled: Pulled): Promise<boolean> {
  return pulled.kind === "token" && (await statusFor(pulled.token.text, REPOSITORY)) === 200;
}

/** Pulls once a minute; each pull must get a token that the registry accepts. */
async function pullFor(ms: number, stage: DrivenBroker): Promise<number> {
  const { clock, pass } = stage;
  const endsAtMs = clock.monotonicMs() + ms;
  let pulls = 0;
  for (; clock.monotonicMs() < endsAtMs; pulls++) {
    const pulled = await pull(stage);
    expect(await isTaken(stage, pulled), `minute ${pulls}: ${JSON.stringify(pulled)}`).toBe(true);
    await pass(MINUTE_MS);
  }
  return pulls;
}

it.each([
  ["2 h ahead", 2 * HOUR_MS],
  ["2 h behind", -2 * HOUR_MS],
])(
  "a wall clock set %s refuses no valid token, serves no expired token, and recovers when set back",
  async (_how, jumpMs) => {
    const stage = await startDrivenBroker();
    const { clock, setNodeAhead, pass } = stage;
    const first = await pull(stage);
    const endsAtMs = first.kind === "token" ? (first.token.expiresAtMs ?? 0) : 0;
    await pass(5 * MINUTE_MS);
    setNodeAhead(jumpMs);

    // Signatures are refused from now on, so no renewal succeeds.
    await pullFor(endsAtMs - MINUTE_MS - clock.wallMs(), stage);
    while (clock.wallMs() < endsAtMs + 10 * MINUTE_MS) {
      const pulled = await pull(stage);
      if (pulled.kind === "token") expect(await isTaken(stage, pulled)).toBe(true);
      else expect(pulled).toEqual({ kind: "error", code: "clock-skew" });
      await pass(10 * SECOND_MS);
    }
    expect(await pull(stage)).toEqual({ kind: "error", code: "clock-skew" });

    setNodeAhead(0);
    await pass(MINUTE_MS);
    await pullFor(2 * HOUR_MS, stage);
  },
);

it("a machine that sleeps for 30 minutes has a new token and session within 5 s of waking, and serves from the first moment", async () => {
  const stage = await startDrivenBroker();
  const { clock, broker, pass } = stage;
  const before = await pull(stage);
  await pass(MINUTE_MS);
  await clock.suspend(30 * MINUTE_MS);
  const wokeAtMs = clock.monotonicMs();
  const from = broker.log.findLastIndex(({ msg }) => msg === "token fetched");

  expect(await isTaken(stage, await pull(stage))).toBe(true);
  await clock.driveUntil(() => broker.log.slice(from + 1).some(({ msg }) => msg === "token fetched"));

  expect(clock.monotonicMs() - wokeAtMs).toBeLessThan(5 * SECOND_MS);
  const { session } = broker.broker.health.summary();
  expect(session?.ageSeconds).toBeLessThanOrEqual(5);
  const after = await pull(stage);
  expect(after).not.toEqual(before);
  expect(await isTaken(stage, after)).toBe(true);
});

it.each([
  ["4 min ahead", -TOLERATED_MS],
  ["4 min behind", TOLERATED_MS],
])("an upstream whose clock is %s of ours fails no pull in three hours", async (_how, nodeAheadMs) => {
  expect(await pullFor(3 * HOUR_MS, await startDrivenBroker({ nodeAheadMs }))).toBeGreaterThanOrEqual(170);
});
