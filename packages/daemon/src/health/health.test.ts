import type { CacheEntry } from "@ocir-broker/expiring-cache/cache-report";
import { UpstreamError } from "@ocir-broker/foundation/upstream";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { expect, it } from "vitest";
import { createHealth } from "./health.ts";

const HOUR_MS = 3_600_000;
const FETCHING: Partial<CacheEntry> = { key: "prefetched", pinned: true, isAsked: false, failuresInARow: 0 };
const FAILING = { ...FETCHING, failuresInARow: 1 };
const REQUESTED = { ...FAILING, key: "other", pinned: false, isAsked: true };
const NO_NAME = new UpstreamError("name-not-found", "other");
const NO_DNS = new UpstreamError("name-not-resolved", "other");

/** The health of a node whose session works. */
function setUp(...tokens: Partial<CacheEntry>[]) {
  const clock = createFakeClock();
  const obtainedAtMs = clock.monotonicMs();
  const expiresAtMs = obtainedAtMs + HOUR_MS;
  const served = { obtainedAtMs, expiresAtMs, servableUntilMs: expiresAtMs, lastSuccessAtMs: obtainedAtMs };
  const session = { key: "session", failuresInARow: 0, ...served, servableUntilMs: 2 * HOUR_MS };
  const health = createHealth({
    clock,
    version: "1",
    identity: "instance-principal",
    sessions: { entries: () => [session as CacheEntry] },
    tokens: { entries: () => tokens as CacheEntry[] },
    unwritten: () => ({ metrics: null, state: null }),
    serviceAccountCount: () => undefined,
    serviceAccountFailures: () => [],
    deniedRepositories: () => [],
    regionId: () => undefined,
    configDetails: undefined,
    expectsToken: () => true,
  });
  return { clock, session, tokens, served, health };
}

it.each([
  ["waits for the first token", [], "starting", []],
  ["waits for the prefetched token", [FETCHING], "starting", []],
  [
    "is ready but degraded if the prefetched token's fetch failed and no request waits for it",
    [FAILING],
    "degraded",
    [],
  ],
  ["is not ready while a request waits for it", [{ ...FAILING, isAsked: true }], "degraded", ["prefetched"]],
  ["is not ready if another host is requested and fails", [FAILING, REQUESTED], "degraded", ["other"]],
  ["is ready if a requested name does not exist", [{ ...REQUESTED, lastError: NO_NAME }], "ok", []],
  ["is not ready if another name is not resolved", [{ ...REQUESTED, lastError: NO_DNS }], "degraded", ["other"]],
] as const)("createHealth %s", (what, tokens, status, registries) => {
  const { health } = setUp(...tokens);
  expect(health.isServing()).toBe(what.startsWith("is ready"));
  expect(health.summary().status).toBe(status);
  expect(Object.keys(health.summary().registries)).toEqual(registries);
});

it("createHealth reports degraded while an unused prefetched host fails and another host works", () => {
  const { health, tokens, served } = setUp(FAILING);
  tokens.push({ key: "asked", pinned: false, isAsked: true, failuresInARow: 0, ...served });
  expect(health.summary()).toMatchObject({ status: "degraded", registries: { asked: { expiresInSeconds: 3_600 } } });
  expect(Object.keys(health.summary().registries)).toEqual(["asked"]);
});

it("createHealth reports degraded while the session cannot be renewed, though a token is served", () => {
  const { health, session, tokens, served } = setUp(FETCHING);
  tokens[0] = { ...FETCHING, ...served };
  expect(health.summary().status).toBe("ok");
  session.failuresInARow = 1;
  expect(health.summary().status).toBe("degraded");
  expect(health.isServing()).toBe(true);
});

it("createHealth reports degraded, without a remaining life, once a served token has expired", async () => {
  const { clock, health, tokens, served } = setUp(FETCHING);
  tokens[0] = { ...FETCHING, ...served };
  await clock.advance(1_000);
  expect(health.summary()).toMatchObject({ status: "ok", registries: { prefetched: { expiresInSeconds: 3_599 } } });
  tokens[0] = { ...FAILING, ...served };
  await clock.advance(HOUR_MS);
  expect(health.summary()).toMatchObject({ status: "degraded", registries: { prefetched: null } });
  expect(health.isServing()).toBe(true);
  // The session ends too.
  await clock.advance(HOUR_MS);
  expect([health.isServing(), health.summary().status]).toEqual([false, "degraded"]);
});

it("createHealth reports degraded once everything has expired, also if nobody asked before", async () => {
  const { clock, health, tokens, served } = setUp(FETCHING);
  tokens[0] = { ...FETCHING, ...served };
  await clock.advance(2 * HOUR_MS);
  expect([health.isServing(), health.summary().status]).toEqual([false, "degraded"]);
});

it("createHealth reports degraded once a session that served without a token has expired", async () => {
  const { clock, health } = setUp();
  await clock.advance(2 * HOUR_MS);
  expect(health.summary().status).toBe("degraded");
});
