import { expect, test } from "vitest";
import { parseGoDurationNs } from "./duration.ts";

test.each([
  ["0", 0n],
  ["+0", 0n],
  ["0s", 0n],
  ["-0s", 0n],
  ["10m", 600_000_000_000n],
  ["1h30m", 5_400_000_000_000n],
  ["-1.5s", -1_500_000_000n],
  [".5s", 500_000_000n],
  ["5.s", 5_000_000_000n],
  ["1us2µs3μs", 6_000n],
  ["1ms1ns", 1_000_001n],
  ["9223372036854775807ns", 9_223_372_036_854_775_807n],
  ["9223372036854775808ns", undefined],
  ["2562047h47m16.854775807s", 9_223_372_036_854_775_807n],
  ["2562047h47m16.854775808s", undefined],
  ["2562048h", undefined],
  ["", undefined],
  ["10", undefined],
  ["1d", undefined],
  ["1 s", undefined],
  [".s", undefined],
  ["s", undefined],
  ["--1s", undefined],
  ["1S", undefined],
  [`${"0".repeat(63)}1s`, undefined],
])("parseGoDurationNs parses %j as %s", (text, durationNs) => {
  expect(parseGoDurationNs(text)).toBe(durationNs);
});
