import type { Expiring } from "@ocir-broker/foundation/expiring";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describe, expect, it, vi } from "vitest";
import { failing } from "../test/fetch-double.ts";
import { RENEW_ON_DEMAND } from "./cache-policy.ts";
import { ExpiringCache } from "./expiring-cache.ts";

/** On a fake clock nothing takes long: a promise that never settles fails soon. */
vi.setConfig({ testTimeout: 10_000 });

const HOUR_MS = 3_600_000;

/** Says something about one caller's fetch only. */
const REVOKED = failing("revoked", { retryable: false });

/** What a caller brings: here the fetch itself. */
type FetchOnce = (signal: AbortSignal) => Promise<Expiring<string>>;

function setUp(maxEntries = 8) {
  const clock = createFakeClock();
  const onEvent = vi.fn();
  const cache = new ExpiringCache<string, FetchOnce>({
    policy: RENEW_ON_DEMAND,
    fetch: (_key, { signal, source }) => source(signal),
    concernsSourceOnly: (error) => error === REVOKED,
    clock,
    random: () => 0.5,
    maxEntries,
    onEvent,
  });
  /** Keys with a value. */
  const held = () => cache.entries().flatMap(({ key, obtainedAtMs }) => (obtainedAtMs === undefined ? [] : [key]));
  const entryOf = (value: string, lifeMs = HOUR_MS): Expiring<string> => ({
    value,
    obtainedAtMs: clock.monotonicMs(),
    expiresAtMs: clock.monotonicMs() + lifeMs,
  });
  const get = async (key: string, value: string, waitMs = 1_000) => {
    const { entry, outcome } = await cache.get(key, { waitMs }, async () => entryOf(value));
    return [entry.value, outcome];
  };
  return { clock, cache, held, entryOf, get, onEvent };
}

describe("ExpiringCache with RENEW_ON_DEMAND", () => {
  it("renews only when a caller asks, and returns the current value at once", async () => {
    const { clock, get, onEvent } = setUp();
    await get("a", "first");
    await clock.advance(0.59 * HOUR_MS);
    expect(onEvent).toHaveBeenCalledOnce();
    expect(await get("a", "second")).toEqual(["first", "hit"]);
    expect(await get("a", "third")).toEqual(["second", "hit"]);
  });

  it("serves the current value while its renewal fails and backs off, and drops it when it expires", async () => {
    const { clock, cache, held, get } = setUp();
    await get("a", "first");
    await clock.advance(0.59 * HOUR_MS);
    const fail = vi.fn(() => Promise.reject(failing("failed", { retryAfterMs: 60_000 })));
    await cache.get("a", { waitMs: 0 }, fail);
    await clock.advance(59_000);
    const { entry, outcome } = await cache.get("a", { waitMs: 0 }, fail);
    expect([entry.value, outcome]).toEqual(["first", "stale"]);
    expect(fail).toHaveBeenCalledOnce();
    await clock.advance(2_000);
    await cache.get("a", { waitMs: 0 }, fail);
    expect(fail).toHaveBeenCalledTimes(2);
    expect(held()).toEqual(["a"]);
    await clock.advance(0.41 * HOUR_MS);
    expect(held()).toEqual([]);
    await expect(cache.get("a", { waitMs: 0 }, fail)).rejects.toThrow();
  });

  it("rejects at once, or after one fetch, once fetches have failed for 10 s, and fetches again within 8 s", async () => {
    const { clock, cache, get } = setUp();
    const fail = vi.fn(() => Promise.reject(failing("failed")));
    const failedAfterMs = async () => {
      const startedAtMs = clock.monotonicMs();
      const ended = cache.get("a", { waitMs: 15_000 }, fail).catch(() => clock.monotonicMs() - startedAtMs);
      await clock.advance(15_000);
      return ended;
    };
    expect(await failedAfterMs()).toBeGreaterThan(7_000);
    for (const [pauseMs, fetches] of [
      [0, 0],
      [30_000, 1],
      [500_000, 1],
    ] as const) {
      await clock.advance(pauseMs);
      await get(`b${pauseMs}`, "drops what has expired");
      fail.mockClear();
      expect(await failedAfterMs()).toBe(0);
      expect(fail).toHaveBeenCalledTimes(fetches);
    }
    const failed = cache.get("a", { waitMs: 15_000 }, fail).catch(() => get("a", "unused", 15_000));
    await expect(failed).rejects.toThrow("failed");
    await clock.advance(8_000);
    expect(await get("a", "value")).toEqual(["value", "miss"]);
  });

  it("drops expired values before valid ones", async () => {
    const { clock, cache, entryOf, get } = setUp(3);
    await get("long", "1");
    await cache.get("short", { waitMs: 1_000 }, async () => entryOf("2", 60_000));
    await clock.advance(60_000);
    await get("third", "3");
    await get("fourth", "4");
    expect(await get("long", "unused")).toEqual(["1", "hit"]);
  });

  it("ends only its own caller's wait, and backs off nobody, if an error concerns what that caller brought", async () => {
    const { clock, cache, get, entryOf } = setUp();
    const upstream = Promise.withResolvers<Expiring<string>>();
    const refused = expect(cache.get("a", { waitMs: 10_000 }, () => upstream.promise)).rejects.toBe(REVOKED);
    const sibling = vi.fn(async () => entryOf("value"));
    const siblings = [0, 1].map(() => cache.get("a", { waitMs: 1_000 }, sibling));
    upstream.reject(REVOKED);
    await refused;
    expect((await Promise.all(siblings)).map(({ entry }) => entry.value)).toEqual(["value", "value"]);
    expect(sibling).toHaveBeenCalledOnce();
    await clock.advance(0.59 * HOUR_MS);
    const revoked = () => cache.get("a", { waitMs: 0 }, () => Promise.reject(REVOKED));
    expect(await revoked()).toMatchObject({ outcome: "hit" });
    expect(await get("a", "renewed")).toEqual(["value", "hit"]);
    expect(await get("a", "unused")).toEqual(["renewed", "hit"]);
    await expect(cache.get("b", { waitMs: 10_000 }, () => Promise.reject(REVOKED))).rejects.toBe(REVOKED);
    expect(await get("b", "at once")).toEqual(["at once", "miss"]);
  });

  it("refreshes with what the caller brought, and serves the current value meanwhile", async () => {
    const { clock, cache, entryOf, get } = setUp();
    await get("a", "first");
    await clock.advance(1_000);
    await expect(cache.refresh("a", () => Promise.reject(REVOKED))).rejects.toBe(REVOKED);
    const upstream = Promise.withResolvers<Expiring<string>>();
    const refreshed = cache.refresh("a", () => upstream.promise);
    expect(await get("a", "unused")).toEqual(["first", "hit"]);
    upstream.resolve(entryOf("second", 60_000));
    expect((await refreshed).value).toBe("second");
    expect(await get("a", "unused")).toEqual(["second", "hit"]);
  });
});
