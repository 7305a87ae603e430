import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { expect, test, vi } from "vitest";
import { createCache, FIRST_RENEWAL_AT_HALF, failing } from "../test/fetch-double.ts";
import { RENEW_AHEAD } from "./cache-policy.ts";
import { ExpiringCache } from "./expiring-cache.ts";

/** On a fake clock nothing takes long: a promise that never settles fails soon. */
vi.setConfig({ testTimeout: 10_000 });

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const HOST = "icn.ocir.io";

function setUp(chance = 0.5) {
  let nextChance = chance;
  const { clock, upstream, events, cache } = createCache({ random: () => nextChance });
  const startMs = clock.monotonicMs();
  return {
    clock,
    upstream,
    events,
    cache,
    value: () => cache.peek(HOST)?.value,
    callTimes: () => upstream.calls.map(({ atMs }) => Math.round(atMs - startMs)),
    /** Fetches a value now that will be renewed at half of its life. */
    async fill(lifeMs = HOUR, firstChance = FIRST_RENEWAL_AT_HALF) {
      const { behaviour } = upstream;
      upstream.behaviour = (call) => call.succeed(lifeMs);
      nextChance = firstChance;
      await cache.get(HOST, { waitMs: 1 });
      upstream.behaviour = behaviour;
      nextChance = chance;
    },
    outcome: async () => (await cache.get(HOST, { waitMs: 1 })).outcome,
  };
}

test("CacheSlot serves the old value during a renewal, and then the new one", async () => {
  const { clock, upstream, events, fill, value } = setUp();
  await fill();
  await clock.advance(30 * MINUTE);
  expect(upstream.calls[1]?.reason).toBe("renewal");
  expect(value()).toBe(`${HOST}#1`);
  await clock.advance(200);
  upstream.calls[1]?.succeed(HOUR);
  await clock.advance(0);
  expect(value()).toBe(`${HOST}#2`);
  expect(events.map(({ type }) => type)).toEqual(["fetched", "fetched"]);
  expect(events[1]).toMatchObject({ reason: "renewal", expiresInMs: HOUR });
});

test("CacheSlot spreads renewals again after a failure, because the whole fleet may have had it", async () => {
  const { clock, upstream, fill, callTimes } = setUp();
  await fill();
  upstream.behaviour = (call) => call.fail(failing("down"));
  await clock.advance(30 * MINUTE);
  upstream.behaviour = (call) => call.succeed(HOUR);
  await clock.advance(HOUR);
  const [, failed, back, first, next] = callTimes().map((time) => time / MINUTE);
  expect(failed).toBe(30);
  expect((first ?? 0) - (back ?? 0)).toBeCloseTo(16.75, 2);
  expect((next ?? 0) - (first ?? 0)).toBeCloseTo(30, 2);
});

test("CacheSlot spreads the renewal of a refreshed value, and keeps the time of a restored one", async () => {
  const { clock, upstream, cache, callTimes } = setUp();
  upstream.behaviour = (call) => call.succeed(HOUR);
  const nowMs = clock.monotonicMs();
  cache.put(HOST, { value: "old", obtainedAtMs: nowMs - 10 * MINUTE, expiresAtMs: nowMs + 50 * MINUTE });
  await clock.advance(20 * MINUTE);
  expect(callTimes()).toEqual([20 * MINUTE]);
  await clock.advance(MINUTE);
  await cache.refresh(HOST);
  await clock.advance(17 * MINUTE);
  expect(callTimes().map((time) => time / MINUTE)).toEqual([20, 21, 37.75]);
});

test.each([true, false])(
  "CacheSlot serves the old value while renewals fail (retryable: %s), and backs off up to a minute",
  async (retryable) => {
    const { clock, upstream, events, fill, outcome, callTimes } = setUp();
    await fill();
    upstream.behaviour = (call) => call.fail(failing("down", { retryable }));
    await clock.advance(30 * MINUTE + 8 * MINUTE);
    expect(await outcome()).toBe("stale");
    const times = callTimes();
    const gaps = times.slice(2).map((time, index) => time - (times[index + 1] ?? 0));
    expect(gaps.slice(0, 8)).toEqual([300, 550, 1_050, 2_050, 4_050, 8_050, 16_050, 30_050]);
    expect(new Set(gaps.slice(7))).toEqual(new Set([30_050]));
    expect(events[1]).toMatchObject({ type: "failed", key: HOST, reason: "renewal", elapsedMs: 0, retryInMs: 300 });

    upstream.behaviour = (call) => call.succeed(HOUR);
    await clock.advance(30_050);
    expect(await outcome()).toBe("hit");
  },
);

test("CacheSlot waits as long as Retry-After asks, capped at five minutes, plus its own back-off", async () => {
  const { clock, upstream, fill, callTimes } = setUp();
  await fill();
  upstream.behaviour = (call) => call.fail(failing("429", { retryAfterMs: 90 * SECOND }));
  await clock.advance(30 * MINUTE);
  upstream.behaviour = (call) => call.fail(failing("429", { retryAfterMs: 24 * HOUR }));
  await clock.advance(12 * MINUTE);
  expect(callTimes().slice(1, 4)).toEqual([30 * MINUTE, 30 * MINUTE + 90_300, 30 * MINUTE + 90_300 + 300_550]);
});

test("CacheSlot aborts a fetch that hangs, and retries", async () => {
  const { clock, upstream, events, cache } = setUp();
  const asked = cache.get(HOST, { waitMs: MINUTE });
  await clock.advance(15 * SECOND);
  expect(upstream.calls[0]?.signal.aborted).toBe(true);
  expect(events).toMatchObject([
    { type: "failed", elapsedMs: 15_000, error: { code: "fetch-timeout", retryable: true } },
  ]);
  await clock.advance(300);
  upstream.calls[1]?.succeed(HOUR);
  expect((await asked).entry.value).toBe(`${HOST}#2`);
  upstream.calls[0]?.fail(new Error("aborted at last"));
  await clock.advance(0);
  expect(events).toHaveLength(2);
});

test.each([
  ["while the next fetch is under way", 300, 1],
  ["during the back-off", 100, 0],
])("CacheSlot ignores the late value of a fetch that did not end in time, %s", async (_when, afterMs, running) => {
  const { clock, upstream, cache, events } = setUp();
  const asked = cache.get(HOST, { waitMs: MINUTE });
  await clock.advance(15 * SECOND + afterMs);
  expect(upstream.calls).toHaveLength(1 + running);
  upstream.calls[0]?.succeed(HOUR);
  await clock.advance(300);
  upstream.calls[1]?.succeed(HOUR);
  expect((await asked).entry.value).toBe(`${HOST}#2`);
  expect(events.map(({ type }) => type)).toEqual(["failed", "fetched"]);
});

test.each([{ lifeMs: 0 }, { lifeMs: -HOUR }, { lifeMs: Number.NaN }])(
  "CacheSlot treats a value that is expired on arrival ($lifeMs ms) as a failure",
  async ({ lifeMs }) => {
    const { clock, upstream, fill, value, outcome, events } = setUp();
    await fill();
    upstream.behaviour = (call) => call.succeed(lifeMs);
    await clock.advance(31 * MINUTE);
    expect([value(), await outcome()]).toEqual([`${HOST}#1`, "stale"]);
    expect(events[1]).toMatchObject({ type: "failed", error: { code: "expired-on-arrival", retryable: true } });
  },
);

test("CacheSlot ignores a renewed value that expires no later, and fetches again halfway", async () => {
  const { clock, upstream, fill, value, callTimes } = setUp();
  const endMs = clock.monotonicMs() + HOUR;
  await fill();
  // A server that returns the same token until it expires.
  upstream.behaviour = (call) => call.succeed(endMs - clock.monotonicMs());
  await clock.advance(HOUR - 31 * SECOND);
  expect(value()).toBe(`${HOST}#1`);
  expect(callTimes().slice(0, 5)).toEqual([0, 30 * MINUTE, 45 * MINUTE, 52.5 * MINUTE, 56.25 * MINUTE]);
  expect(upstream.calls.length).toBeLessThan(10);
});

test("CacheSlot fetches a value with a life of a second or less at most twice a second", async () => {
  for (const lifeMs of [1_000, 100, 1]) {
    const { clock, upstream, fill } = setUp(0);
    upstream.behaviour = (call) => call.succeed(lifeMs);
    await fill(lifeMs);
    await clock.advance(MINUTE);
    expect(upstream.calls.length).toBeGreaterThan(110);
    expect(upstream.calls.length).toBeLessThanOrEqual(121);
  }
});

test("CacheSlot lets a caller wait for the pause between two fetches of a very short-lived value", async () => {
  const { clock, upstream, fill, cache } = setUp();
  await fill(100);
  upstream.behaviour = (call) => call.succeed(HOUR);
  await clock.advance(200);
  const asked = cache.get(HOST, { waitMs: SECOND });
  await clock.advance(300);
  expect(await asked).toMatchObject({ entry: { value: `${HOST}#2` }, outcome: "miss" });
});

test("refresh fetches while the current value is served, and then replaces it", async () => {
  const { clock, upstream, cache, fill, value } = setUp();
  await fill();
  await clock.advance(MINUTE);
  const refreshing = [cache.refresh(HOST), cache.refresh(HOST)];
  expect(upstream.calls.map(({ reason }) => reason)).toEqual(["miss", "refresh"]);
  expect(value()).toBe(`${HOST}#1`);
  upstream.calls[1]?.succeed(HOUR);
  expect((await Promise.all(refreshing)).map((entry) => entry.value)).toEqual([`${HOST}#2`, `${HOST}#2`]);
  expect(value()).toBe(`${HOST}#2`);
});

test("refresh leaves the current value fresh if it fails, and does not retry by itself", async () => {
  const { clock, upstream, cache, fill, value, outcome } = setUp();
  await fill();
  await clock.advance(MINUTE);
  const error = failing("down");
  upstream.behaviour = (call) => call.fail(error);
  await expect(cache.refresh(HOST)).rejects.toBe(error);
  await clock.advance(0);
  expect([value(), await outcome()]).toEqual([`${HOST}#1`, "hit"]);
  await expect(cache.refresh(HOST)).rejects.toBe(error);
  await clock.advance(28 * MINUTE);
  expect(upstream.calls).toHaveLength(2);
  upstream.behaviour = (call) => call.succeed(HOUR);
  await cache.refresh(HOST);
  expect(value()).toBe(`${HOST}#3`);
});

test("refresh joins a renewal in progress, and accepts its value even if it expires sooner", async () => {
  const { clock, upstream, cache, fill, value } = setUp();
  await fill();
  await clock.advance(30 * MINUTE);
  const refreshing = cache.refresh(HOST);
  upstream.calls[1]?.succeed(10 * MINUTE);
  expect((await refreshing).value).toBe(`${HOST}#2`);
  expect([value(), upstream.calls.length]).toEqual([`${HOST}#2`, 2]);
});

test("refresh fetches a cold key, and shares the fetch with waiting callers", async () => {
  const { upstream, cache, value } = setUp();
  const refreshing = cache.refresh(HOST);
  const asked = cache.get(HOST, { waitMs: SECOND });
  expect(upstream.calls.map(({ reason }) => reason)).toEqual(["refresh"]);
  upstream.calls[0]?.succeed(HOUR);
  expect((await asked).outcome).toBe("coalesced");
  expect((await refreshing).value).toBe(value());
});

test("CacheSlot treats a fetch that throws synchronously like one that rejects", async () => {
  const error = failing("no session", { retryable: false });
  const fetch = () => {
    throw error;
  };
  // Without a listener.
  const cache = new ExpiringCache<string>({ policy: RENEW_AHEAD, fetch, clock: createFakeClock(), random: () => 0.5 });
  await expect(cache.get(HOST, { waitMs: SECOND })).rejects.toBe(error);
});

test("invalidate fetches at once, serves the old value meanwhile, and accepts any new one", async () => {
  const { clock, upstream, cache, value, outcome, fill } = setUp();
  await fill();
  await clock.advance(MINUTE);
  cache.invalidate(HOST);
  upstream.calls[1]?.fail(failing("not yet"));
  await clock.advance(SECOND);
  expect(await outcome()).toBe("stale");
  upstream.calls[2]?.succeed(MINUTE);
  await clock.advance(0);
  expect(value()).toBe(`${HOST}#3`);
  expect(await outcome()).toBe("hit");
});

test("invalidate ignores the result of a fetch that had begun before", async () => {
  const { clock, upstream, cache, value } = setUp();
  const asked = cache.get(HOST, { waitMs: MINUTE });
  cache.invalidate(HOST);
  expect(upstream.calls[0]?.signal.aborted).toBe(true);
  upstream.calls[0]?.succeed(2 * HOUR);
  await clock.advance(0);
  expect(value()).toBeUndefined();
  upstream.calls[1]?.succeed(HOUR);
  expect((await asked).entry.value).toBe(`${HOST}#2`);
});

test("invalidate fetches nothing for a key that is unknown or has no waiting caller", async () => {
  const { clock, upstream, cache } = setUp();
  cache.invalidate(HOST);
  const asked = cache.get(HOST, { waitMs: 1 }).catch(() => undefined);
  upstream.calls[0]?.fail(failing("down"));
  await asked;
  cache.invalidate(HOST);
  await clock.advance(HOUR);
  expect(upstream.calls).toHaveLength(1);
});
