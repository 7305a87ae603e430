import { expect, test, vi } from "vitest";
import { createCache, FIRST_RENEWAL_AT_HALF, failing } from "../test/fetch-double.ts";
import type { ExpiringCacheOptions } from "./expiring-cache.ts";

/** On a fake clock nothing takes long: a promise that never settles fails soon. */
vi.setConfig({ testTimeout: 10_000 });

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const HOST = "icn.ocir.io";

function setUp(options: Partial<ExpiringCacheOptions<string, void>> = {}) {
  const { clock, cache, ...rest } = createCache(options);
  /** Records the result of `get` once it settles. */
  function ask(key = HOST, waitMs = 10 * SECOND) {
    const asked: { served?: string; outcome?: string; error?: unknown } = {};
    cache.get(key, { waitMs }).then(
      ({ entry, outcome }) => Object.assign(asked, { served: entry.value, outcome }),
      (error: unknown) => Object.assign(asked, { error }),
    );
    return asked;
  }
  async function settled<A>(asked: A): Promise<A> {
    await clock.advance(0);
    return asked;
  }
  return { clock, cache, ask, settled, ...rest };
}

test("get fetches a cold key once for all concurrent callers", async () => {
  const { upstream, ask, settled } = setUp();
  const asked = Array.from({ length: 200 }, () => ask());
  upstream.calls[0]?.succeed(HOUR);
  await settled(asked);
  expect(upstream.calls.map(({ key, reason }) => ({ key, reason }))).toEqual([{ key: HOST, reason: "miss" }]);
  expect(asked[0]).toEqual({ served: `${HOST}#1`, outcome: "miss" });
  expect(new Set(asked.slice(1).map(({ outcome }) => outcome))).toEqual(new Set(["coalesced"]));
});

test("get waits for several attempts while the next one is due before its deadline", async () => {
  const { clock, upstream, ask } = setUp();
  const impatient = ask(HOST, 1_000);
  const patient = ask(HOST, 5_000);
  upstream.calls[0]?.fail(failing("first")); // next attempt in 300 ms
  await clock.advance(300);
  expect(upstream.calls).toHaveLength(2);
  const second = failing("second");
  upstream.calls[1]?.fail(second); // next in 550 ms: still before both deadlines
  await clock.advance(550);
  expect(upstream.calls).toHaveLength(3);
  const third = failing("third");
  upstream.calls[2]?.fail(third); // next in 1 050 ms: after the first deadline
  await clock.advance(0);
  expect(impatient).toEqual({ error: third });
  await clock.advance(1_050);
  upstream.calls[3]?.succeed(HOUR);
  await clock.advance(0);
  expect(patient).toEqual({ served: `${HOST}#4`, outcome: "coalesced" });
});

test("get rejects at its own deadline without aborting the fetch for other callers", async () => {
  const { clock, upstream, ask, settled } = setUp();
  const impatient = ask(HOST, 100);
  const patient = ask(HOST, 10_000);
  await clock.advance(100);
  expect(impatient.error).toMatchObject({ code: "wait-timeout", retryable: true, message: `${HOST}: wait-timeout` });
  expect(upstream.calls[0]?.signal.aborted).toBe(false);
  upstream.calls[0]?.succeed(HOUR);
  expect(await settled(patient)).toEqual({ served: `${HOST}#1`, outcome: "coalesced" });
});

test("get rejects at its own deadline with the last error, if there was one", async () => {
  const { clock, upstream, ask } = setUp();
  const asked = ask(HOST, 1_000);
  const error = failing("refused");
  upstream.calls[0]?.fail(error);
  await clock.advance(1_000);
  expect(upstream.calls).toHaveLength(2);
  expect(asked).toEqual({ error });
});

test("get rejects at once with an error that is not retryable, and again until the back-off is over", async () => {
  const { clock, upstream, ask, settled } = setUp();
  const error = failing("denied", { retryable: false });
  upstream.behaviour = (call) => call.fail(error);
  expect(await settled(ask())).toEqual({ error });
  await clock.advance(299);
  expect(await settled(ask())).toEqual({ error });
  expect(upstream.calls).toHaveLength(1);
  await clock.advance(1);
  await settled(ask());
  expect(upstream.calls).toHaveLength(2);
});

test("get during a back-off waits for the next attempt if that is due in time, else rejects at once", async () => {
  const { clock, upstream, ask, settled } = setUp();
  const error = failing("throttled", { retryAfterMs: 5_000 });
  upstream.behaviour = (call) => call.fail(error);
  expect(await settled(ask(HOST, 2_000))).toEqual({ error });
  expect(await settled(ask(HOST, 5_300))).toEqual({ error });
  upstream.behaviour = (call) => call.succeed(HOUR);
  const [first, second] = [ask(HOST, 6_000), ask(HOST, 6_000)];
  await clock.advance(5_299);
  expect(upstream.calls).toHaveLength(1);
  await clock.advance(1);
  expect([first, second]).toEqual([
    { served: `${HOST}#2`, outcome: "miss" },
    { served: `${HOST}#2`, outcome: "coalesced" },
  ]);
});

test("get waits as for a cold key when a value expired, which is reported once, while its renewal failed", async () => {
  const { clock, upstream, events, cache, ask, settled } = setUp();
  upstream.behaviour = (call) => call.succeed(HOUR);
  await settled(ask());
  upstream.behaviour = (call) => call.fail(failing("down"));
  await clock.advance(HOUR - 30 * SECOND - 1);
  expect(await settled(ask())).toEqual({ served: `${HOST}#1`, outcome: "stale" });
  await clock.advance(1);
  expect(events.at(-1)).toEqual({ type: "expired", key: HOST });
  await clock.advance(HOUR);
  expect(cache.peek(HOST)).toBeUndefined();
  expect(events.filter(({ type }) => type === "expired")).toHaveLength(1);
  upstream.behaviour = (call) => call.succeed(HOUR);
  const asked = ask(HOST, 60 * SECOND);
  await clock.advance(60 * SECOND);
  expect(asked).toMatchObject({ served: `${HOST}#${upstream.calls.length}`, outcome: "coalesced" });
});

test("pin fetches at once, retries after every error, and never drops an idle key", async () => {
  const { clock, upstream, cache, ask, settled } = setUp();
  upstream.behaviour = (call) => call.fail(failing("not granted yet", { retryable: false }));
  cache.pin(HOST);
  cache.pin(HOST);
  expect(upstream.calls.map(({ reason }) => reason)).toEqual(["miss"]);
  await clock.advance(600 * SECOND);
  expect(upstream.calls.length).toBeGreaterThan(10);
  expect(cache.entries()).toMatchObject([{ pinned: true, isAsked: false }]);
  upstream.behaviour = (call) => call.succeed(HOUR);
  await clock.advance(60 * SECOND);
  await clock.advance(72 * HOUR);
  expect(await settled(ask())).toMatchObject({ outcome: "hit" });
});

test("pin keeps a key that is already in use, with or without a value", async () => {
  const { clock, upstream, cache, ask } = setUp({ maxEntries: 1 });
  upstream.behaviour = (call) => call.succeed(HOUR);
  ask("valued");
  await clock.advance(0);
  upstream.behaviour = () => undefined;
  ask("cold");
  cache.pin("valued");
  cache.pin("cold");
  expect(upstream.calls).toHaveLength(2);
  upstream.calls[1]?.succeed(HOUR);
  upstream.behaviour = (call) => call.succeed(HOUR);
  await clock.advance(0);
  ask("other");
  await clock.advance(25 * HOUR);
  expect(cache.entries().map(({ key, pinned, state }) => [key, pinned, state])).toEqual([
    ["valued", true, "fresh"],
    ["cold", true, "fresh"],
  ]);
});

test("unpin gives a key the life of one that was never pinned, with or without a value", async () => {
  const { clock, upstream, cache } = setUp();
  upstream.behaviour = ({ key, succeed, fail }) => (key === HOST ? succeed(HOUR) : fail(failing("not there")));
  for (const key of [HOST, "failing"]) cache.pin(key);
  await clock.advance(HOUR);
  for (const key of [HOST, "failing", "unknown"]) cache.unpin(key);
  const fetches = upstream.calls.filter(({ key }) => key === "failing").length;
  await clock.advance(0);
  expect(cache.entries()).toMatchObject([{ key: HOST, pinned: false, state: "fresh" }]);
  await clock.advance(72 * HOUR);
  expect(upstream.calls.filter(({ key }) => key === "failing")).toHaveLength(fetches);
  expect(cache.entries()).toEqual([]);
  expect(clock.armed()).toEqual([]);
});

test("restore restores a value with its original times, including the renewal", async () => {
  const { clock, upstream, events, cache, ask, settled } = setUp();
  const nowMs = clock.monotonicMs();
  const entry = { value: "from before", obtainedAtMs: nowMs - 1_000 * SECOND, expiresAtMs: nowMs + 2_600 * SECOND };
  cache.put(HOST, entry);
  expect(await settled(ask())).toEqual({ served: "from before", outcome: "hit" });
  await clock.advance(799 * SECOND);
  expect(upstream.calls).toHaveLength(0);
  await clock.advance(SECOND);
  expect(upstream.calls.map(({ reason }) => reason)).toEqual(["renewal"]);
  expect(events).toEqual([]);
  expect(cache.entries()[0]).toMatchObject({ lastSuccessAtMs: entry.obtainedAtMs, expiresAtMs: entry.expiresAtMs });
});

test("restore serves waiting callers, and renews a due value at once", async () => {
  const { clock, upstream, cache, ask, settled } = setUp();
  const asked = ask();
  const nowMs = clock.monotonicMs();
  cache.put(HOST, { value: "old", obtainedAtMs: nowMs - HOUR, expiresAtMs: nowMs + HOUR / 4 });
  expect(await settled(asked)).toEqual({ served: "old", outcome: "miss" });
  cache.put("due", { value: "old", obtainedAtMs: nowMs - HOUR, expiresAtMs: nowMs + HOUR / 4 });
  expect(upstream.calls.map(({ key, reason }) => [key, reason])).toEqual([
    [HOST, "miss"],
    ["due", "renewal"],
  ]);
});

test("restore does not end a back-off, so that a refresh is rejected at once and does not wait for it", async () => {
  const { clock, upstream, cache, ask, settled } = setUp();
  const busy = failing("busy", { retryable: false, retryAfterMs: 2 * 60 * SECOND });
  upstream.behaviour = (call) => call.fail(busy);
  await settled(ask());
  cache.put(HOST, { value: "put", obtainedAtMs: clock.monotonicMs(), expiresAtMs: clock.monotonicMs() + HOUR });
  expect(await settled(ask())).toMatchObject({ served: "put" });
  await expect(cache.refresh(HOST)).rejects.toBe(busy);
});

test("restore ignores a value that is not servable or no better than the current one", async () => {
  const { clock, cache } = setUp();
  const nowMs = clock.monotonicMs();
  cache.put("over", { value: "over", obtainedAtMs: nowMs - HOUR, expiresAtMs: nowMs + SECOND });
  cache.put("broken", { value: "broken", obtainedAtMs: nowMs, expiresAtMs: Number.NaN });
  cache.put(HOST, { value: "long", obtainedAtMs: nowMs, expiresAtMs: nowMs + HOUR });
  cache.put(HOST, { value: "short", obtainedAtMs: nowMs, expiresAtMs: nowMs + HOUR - 1 });
  expect(cache.entries().map(({ key }) => key)).toEqual([HOST]);
  expect(cache.peek(HOST)?.value).toBe("long");
});

test("entries returns the state of each key, but never a value", async () => {
  const { clock, upstream, cache, ask, settled } = setUp({ random: () => FIRST_RENEWAL_AT_HALF });
  const startMs = clock.monotonicMs();
  upstream.behaviour = (call) => call.succeed(HOUR);
  await settled([ask(), ask()]);
  await settled(ask());
  const denied = failing("denied", { retryable: false });
  upstream.behaviour = (call) => call.fail(denied);
  await settled(ask("denied"));
  upstream.behaviour = () => undefined;
  await settled(ask("slow"));
  expect(cache.entries()).toEqual([
    {
      key: HOST,
      state: "fresh",
      pinned: false,
      obtainedAtMs: startMs,
      expiresAtMs: startMs + HOUR,
      servableUntilMs: startMs + HOUR - 30 * SECOND,
      renewAtMs: expect.closeTo(startMs + HOUR / 2),
      lastSuccessAtMs: startMs,
      lastFailureAtMs: undefined,
      lastError: undefined,
      failuresInARow: 0,
      isAsked: true,
      hits: 1,
      fetches: 1,
      failures: 0,
      waiting: 0,
    },
    expect.objectContaining({
      key: "denied",
      state: "backing-off",
      failures: 1,
      lastError: denied,
      renewAtMs: undefined,
    }),
    expect.objectContaining({ key: "slow", state: "fetching", fetches: 1, waiting: 1, renewAtMs: undefined }),
  ]);
  await clock.advance(500);
  expect(cache.entries()[1]).toMatchObject({ key: "denied", state: "empty", failuresInARow: 1 });
});

test("get keeps valid keys when 10 000 keys fail, and drops the oldest failing ones first", async () => {
  const { clock, upstream, events, cache, ask, settled } = setUp();
  upstream.behaviour = (call) => call.succeed(HOUR);
  for (let number = 0; number < 256; number++) ask(`valid-${number}`);
  await clock.advance(0);
  upstream.behaviour = (call) => call.fail(failing("no such host", { retryable: false }));
  for (let batch = 0; batch < 100; batch++) {
    for (let number = 0; number < 100; number++) ask(`failing-${batch * 100 + number}`);
    await clock.advance(0);
  }
  const keys = cache.entries().map(({ key }) => key);
  expect(keys).toHaveLength(512);
  expect(keys.filter((key) => key.startsWith("valid"))).toHaveLength(256);
  expect(keys.at(-1)).toBe("failing-9999");
  expect(clock.armed()).toHaveLength(512);
  expect(events.filter(({ type }) => type === "dropped")).toHaveLength(10_000 - 256);
  expect(await settled(ask("valid-0"))).toMatchObject({ outcome: "hit" });
});

test("get refuses a key when maxEntries fetches are in progress, and lets those continue", async () => {
  const { upstream, ask, settled } = setUp({ maxEntries: 2 });
  const asked = [ask("a"), ask("b"), ask("c"), ask("a")];
  await settled(asked);
  expect(asked[2]?.error).toMatchObject({ code: "overloaded", retryable: true });
  for (const call of upstream.calls) call.succeed(HOUR);
  await settled(asked);
  expect(asked.map(({ outcome }) => outcome)).toEqual(["miss", "miss", undefined, "coalesced"]);
});

test("get keeps the 256 most recently used of 10 000 keys, and no timer of the others", async () => {
  const { clock, upstream, cache, ask } = setUp();
  upstream.behaviour = (call) => call.succeed(HOUR);
  for (let batch = 0; batch < 100; batch++) {
    for (let number = 0; number < 100; number++) ask(`host-${batch * 100 + number}`);
    ask("in-use");
    await clock.advance(0);
  }
  expect(cache.entries()).toHaveLength(256);
  expect(cache.peek("in-use")).toBeDefined();
  expect(cache.peek("host-9999")).toBeDefined();
  expect(clock.armed()).toHaveLength(256);
});

test("get starts no concurrent second fetch for a key that was evicted during its renewal", async () => {
  const { clock, upstream, events, cache, ask, settled } = setUp({
    maxEntries: 1,
    random: () => FIRST_RENEWAL_AT_HALF,
  });
  upstream.behaviour = (call) => call.succeed(HOUR);
  await settled(ask("first"));
  upstream.behaviour = () => undefined;
  await clock.advance(HOUR / 2);
  upstream.behaviour = (call) => call.succeed(HOUR);
  await settled(ask("second"));
  expect(events.filter(({ type }) => type === "dropped")).toEqual([
    { type: "dropped", key: "first", cause: "evicted" },
  ]);
  expect(cache.peek("first")).toBeUndefined();
  const asked = ask("first");
  expect(upstream.calls.map(({ key }) => key)).toEqual(["first", "first", "second"]);
  upstream.calls[1]?.succeed(HOUR);
  expect(await settled(asked)).toEqual({ served: "first#2", outcome: "coalesced" });
});

test("get renews a key until a day after its last use, even if that fails, and then drops it", async () => {
  const { clock, upstream, events, cache, ask } = setUp();
  upstream.behaviour = (call) => call.succeed(HOUR);
  ask();
  await clock.advance(5 * HOUR);
  ask();
  upstream.behaviour = (call) => call.fail(failing("down"));
  await clock.advance(24 * HOUR - 1);
  expect(cache.entries()).toHaveLength(1);
  expect(upstream.calls.length).toBeGreaterThan(200);
  await clock.advance(1);
  expect(events.at(-1)).toEqual({ type: "dropped", key: HOST, cause: "idle" });
  expect(cache.entries()).toEqual([]);
  expect(clock.armed()).toEqual([]);
});

test("get drops a key that never had a value 10 minutes after its last use", async () => {
  const { clock, upstream, cache, ask } = setUp();
  upstream.behaviour = (call) => call.fail(failing("down"));
  ask();
  await clock.advance(10 * MINUTE - 1);
  expect(cache.entries()).toHaveLength(1);
  await clock.advance(1);
  expect(cache.entries()).toEqual([]);
});

test("close aborts fetches, cancels timers, and rejects waiting and later callers", async () => {
  const { clock, upstream, cache, ask, settled } = setUp();
  upstream.behaviour = (call) => call.succeed(HOUR);
  await settled(ask("valued"));
  cache.pin("kept");
  await clock.advance(SECOND);
  upstream.behaviour = () => undefined;
  const waiting = ask();
  const refreshing = cache.refresh("valued");
  const rejected = expect(refreshing).rejects.toMatchObject({ code: "closed", retryable: false });
  cache.close();
  await rejected;
  expect(waiting.error).toMatchObject({ code: "closed" });
  expect(upstream.calls.slice(2).map(({ signal }) => signal.aborted)).toEqual([true, true]);
  expect(clock.armed()).toEqual([]);
  for (const call of upstream.calls) call.succeed(HOUR);
  cache.pin("more");
  cache.put("more", { value: "more", obtainedAtMs: clock.monotonicMs(), expiresAtMs: clock.monotonicMs() + HOUR });
  expect((await settled(ask())).error).toMatchObject({ code: "closed" });
  await expect(cache.refresh(HOST)).rejects.toMatchObject({ code: "closed" });
  expect(cache.peek("valued")).toBeUndefined();
  expect(cache.entries()).toEqual([]);
  expect(clock.armed()).toEqual([]);
});

test("close leaves no timer when called from an event listener", async () => {
  const { clock, upstream, cache, ask } = setUp({ onEvent: () => cache.close() });
  upstream.behaviour = (call) => call.succeed(HOUR);
  const asked = ask();
  await clock.advance(0);
  expect(asked.served).toBe(`${HOST}#1`);
  expect(clock.armed()).toEqual([]);
});

test("retry fetches at once only the keys whose last error matches", async () => {
  const { clock, upstream, cache } = setUp();
  const noSession = failing("no session");
  upstream.behaviour = (call) => call.fail(call.key === HOST ? noSession : failing("refused"));
  cache.pin(HOST);
  cache.pin("phx.ocir.io");
  await clock.advance(10 * 60 * SECOND);
  const before = upstream.calls.length;
  upstream.behaviour = (call) => call.succeed(HOUR);
  cache.retry((error) => error === noSession);
  await clock.advance(0);
  expect(upstream.calls.slice(before).map(({ key }) => key)).toEqual([HOST]);
  expect(cache.peek(HOST)).toBeDefined();
  cache.retry(() => true);
  await clock.advance(0);
  expect(cache.peek("phx.ocir.io")).toBeDefined();
});

test("withdraw drops a key, even a pinned one, and ignores an unknown key", async () => {
  const { clock, upstream, cache, events } = setUp();
  cache.withdraw(HOST);
  expect(events).toEqual([]);
  upstream.behaviour = (call) => call.succeed(HOUR);
  cache.pin(HOST);
  await clock.advance(0);
  cache.withdraw(HOST);
  expect(cache.peek(HOST)).toBeUndefined();
  await clock.advance(2 * HOUR);
  expect(upstream.calls).toHaveLength(1);
  expect(clock.armed()).toEqual([]);
  expect(events.at(-1)).toEqual({ type: "dropped", key: HOST, cause: "withdrawn" });
});
