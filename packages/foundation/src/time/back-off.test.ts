import { expect, test } from "vitest";
import { backOffMs } from "./back-off.ts";

test.each([
  { failures: 1, ceilingMs: 500 },
  { failures: 2, ceilingMs: 1_000 },
  { failures: 5, ceilingMs: 8_000 },
  { failures: 8, ceilingMs: 60_000 },
  { failures: 5_000, ceilingMs: 60_000 },
])("backOffMs spreads from 100 to $ceilingMs after failure $failures", ({ failures, ceilingMs }) => {
  expect(backOffMs(failures, 0)).toBe(100);
  expect(backOffMs(failures, 1)).toBe(ceilingMs);
});

test.each([
  { retryAfterMs: 20_000, expectedMs: 20_300 },
  { retryAfterMs: 86_400_000, expectedMs: 300_300 },
  { retryAfterMs: 0, expectedMs: 300 },
  { retryAfterMs: -5, expectedMs: 300 },
  { retryAfterMs: Number.NaN, expectedMs: 300 },
])("backOffMs is $expectedMs if the server asked for $retryAfterMs", ({ retryAfterMs, expectedMs }) => {
  expect(backOffMs(1, 0.5, { retryAfterMs })).toBe(expectedMs);
});
