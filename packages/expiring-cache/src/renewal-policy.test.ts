import fc from "fast-check";
import { expect, test } from "vitest";
import { firstRenewAtMs, renewAtMs, servableUntilMs } from "./renewal-policy.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

test.each([
  { lifeMs: HOUR, chance: 0, expectedMs: 24 * MINUTE },
  { lifeMs: HOUR, chance: 0.5, expectedMs: 30 * MINUTE },
  { lifeMs: HOUR, chance: 1, expectedMs: 36 * MINUTE },
  { lifeMs: 20 * MINUTE, chance: 0.5, expectedMs: 10 * MINUTE },
  { lifeMs: HOUR, chance: 1, jitter: 0.05, expectedMs: 33 * MINUTE },
  { lifeMs: -HOUR, chance: 0.5, expectedMs: 0 },
])("renewAtMs is $expectedMs after the start for a life of $lifeMs, chance $chance and jitter $jitter", (row) => {
  const life = { obtainedAtMs: 5_000, expiresAtMs: 5_000 + row.lifeMs };
  expect(renewAtMs(life, row.chance, row.jitter)).toBeCloseTo(5_000 + row.expectedMs);
});

test.each([
  { lifeMs: HOUR, chance: 0, expectedMs: 3 * MINUTE },
  { lifeMs: HOUR, chance: 0.4, expectedMs: 14 * MINUTE },
  { lifeMs: HOUR, chance: 0.8, expectedMs: 25 * MINUTE },
  { lifeMs: HOUR, chance: 0.95, expectedMs: 30.5 * MINUTE },
  { lifeMs: HOUR, chance: 1, expectedMs: 36 * MINUTE },
  { lifeMs: 20 * MINUTE, chance: 0, expectedMs: MINUTE },
  { lifeMs: -HOUR, chance: 0.5, expectedMs: 0 },
  { lifeMs: Number.POSITIVE_INFINITY, chance: 0, expectedMs: Number.POSITIVE_INFINITY },
])("firstRenewAtMs is $expectedMs after the start for a life of $lifeMs and chance $chance", (row) => {
  expect(firstRenewAtMs({ obtainedAtMs: 5_000, expiresAtMs: 5_000 + row.lifeMs }, row.chance)).toBeCloseTo(
    5_000 + row.expectedMs,
  );
});

/** Requests in the busiest and the quietest sixtieth of a life, divided by their mean, once all first renewals are over. */
function evennessOf(lifeMs: number, seed: number): { most: number; least: number } {
  const nodes = 20_000;
  // Lehmer's generator: the same numbers for the same seed.
  let state = seed;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const sliceMs = lifeMs / 60;
  const perSlice = new Array<number>(216).fill(0);
  for (let node = 0; node < nodes; node++) {
    let atMs = firstRenewAtMs({ obtainedAtMs: 0, expiresAtMs: lifeMs }, random());
    while (atMs < perSlice.length * sliceMs) {
      const slice = Math.floor(atMs / sliceMs);
      perSlice[slice] = (perSlice[slice] ?? 0) + 1;
      atMs = renewAtMs({ obtainedAtMs: atMs, expiresAtMs: atMs + lifeMs }, random());
    }
  }
  const settled = perSlice.slice(36);
  const mean = nodes / 30;
  return { most: Math.max(...settled) / mean, least: Math.min(...settled) / mean };
}

test("renewal instants of nodes started together are evenly spread, whatever the life of their tokens", () => {
  const start = fc.record({
    lifeMs: fc.integer({ min: 5 * MINUTE, max: 24 * HOUR }),
    seed: fc.integer({ min: 1, max: 2_147_483_646 }),
  });
  fc.assert(
    fc.property(start, ({ lifeMs, seed }) => {
      const { most, least } = evennessOf(lifeMs, seed);
      expect(most).toBeLessThan(1.25);
      expect(least).toBeGreaterThan(0.75);
    }),
    { numRuns: 20, seed: 1 },
  );
});

test.each([
  { lifeMs: 24 * HOUR, skewMs: 30 * SECOND },
  { lifeMs: HOUR, skewMs: 30 * SECOND },
  { lifeMs: 10 * MINUTE, skewMs: 30 * SECOND },
  { lifeMs: MINUTE, skewMs: 3 * SECOND },
  { lifeMs: SECOND, skewMs: 50 },
  { lifeMs: 0, skewMs: 0 },
  { lifeMs: -HOUR, skewMs: 0 },
])("servableUntilMs is $skewMs before the end of a life of $lifeMs", ({ lifeMs, skewMs }) => {
  expect(servableUntilMs({ obtainedAtMs: 5_000, expiresAtMs: 5_000 + lifeMs })).toBe(5_000 + lifeMs - skewMs);
});

test.each([renewAtMs, firstRenewAtMs])(
  "%o is before servableUntilMs within every life, and at least four tenths before its end",
  (renewalAtMs) => {
    const life = fc.record({
      obtainedAtMs: fc.integer({ min: -1e9, max: 1e12 }),
      lifeMs: fc.integer({ min: 1, max: 1e10 }),
      chance: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    });
    fc.assert(
      fc.property(life, ({ obtainedAtMs, lifeMs, chance }) => {
        const expiresAtMs = obtainedAtMs + lifeMs;
        const renew = renewalAtMs({ obtainedAtMs, expiresAtMs }, chance);
        const servable = servableUntilMs({ obtainedAtMs, expiresAtMs });
        expect(renew).toBeGreaterThan(obtainedAtMs);
        expect(renew).toBeLessThan(servable);
        expect(servable).toBeLessThanOrEqual(expiresAtMs);
        expect(expiresAtMs - renew).toBeGreaterThanOrEqual(lifeMs * 0.4 - 0.01);
      }),
    );
  },
);
