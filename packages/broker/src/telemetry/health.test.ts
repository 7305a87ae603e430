import { RefreshAheadCache } from "@ocir-broker/expiring-cache";
import { createFakeClock } from "@ocir-broker/testkit";
import { expect, it, onTestFinished } from "vitest";
import { createHealth } from "./health.ts";

const HOUR_MS = 3_600_000;

/** A node whose session works; hosts in `working` give tokens. */
function setUp() {
  const clock = createFakeClock();
  const working = new Set<string>();
  function cacheOf(works: (key: string) => boolean): RefreshAheadCache<string> {
    const cache = new RefreshAheadCache<string>({
      clock,
      random: () => 0.5,
      async fetch(key) {
        await new Promise<void>((resolve) => void clock.setTimer(resolve, 100));
        if (!works(key)) throw new Error("down");
        return { value: key, obtainedAtMs: clock.monotonicMs(), expiresAtMs: clock.monotonicMs() + HOUR_MS };
      },
    });
    onTestFinished(() => cache.close());
    return cache;
  }
  const sessions = cacheOf(() => true);
  const tokens = cacheOf((key) => working.has(key));
  const health = createHealth({
    clock,
    version: "1",
    identity: "instance-principal",
    sessions,
    tokens,
    subjects: () => undefined,
    lastWorkloadFailure: () => undefined,
    regionId: () => undefined,
    expectsToken: () => true,
  });
  sessions.pin("session");
  tokens.pin("prefetched");
  return {
    clock,
    working,
    tokens,
    health,
    ask: (key: string) => tokens.get(key, { waitMs: 0 }).catch(() => undefined),
  };
}

it("createHealth waits for the prefetched token, and is ready without it once it failed and nobody asks", async () => {
  const { clock, health } = setUp();
  await clock.advance(50);
  expect(health.summary().status).toBe("starting");
  await clock.advance(10_000);
  expect({ status: health.summary().status, isServing: health.isServing() }).toEqual({ status: "ok", isServing: true });
});

it("createHealth is ok while a prefetched host fails that nobody asks for and another one works", async () => {
  const { clock, working, health, ask } = setUp();
  working.add("asked");
  void ask("asked");
  await clock.advance(10_000);
  expect(health.summary().status).toBe("ok");
  expect(Object.keys(health.summary().registries)).toEqual(["asked"]);
});

it("createHealth is not ready once somebody asks for the prefetched host that fails", async () => {
  const { clock, health, ask } = setUp();
  await clock.advance(10_000);
  await ask("prefetched");
  expect(health.isServing()).toBe(false);
  expect(Object.keys(health.summary().registries)).toEqual(["prefetched"]);
});

it("createHealth is degraded, and shows no life, once a token that was served has ended", async () => {
  const { clock, working, health } = setUp();
  working.add("prefetched");
  await clock.advance(1_000);
  expect(health.summary()).toMatchObject({ status: "ok", registries: { prefetched: { expiresInSeconds: 3_599 } } });
  working.clear();
  await clock.advance(HOUR_MS);
  expect(health.summary()).toMatchObject({ status: "degraded", registries: { prefetched: null } });
  expect(health.isServing()).toBe(true);
});
