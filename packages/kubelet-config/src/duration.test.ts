import { expect, test } from "vitest";
import { parseGoDurationNs } from "./duration.ts";

test.each([
  ["0", 0],
  ["+0", 0],
  ["0s", 0],
  ["-0s", -0],
  ["10m", 600e9],
  ["1h30m", 5400e9],
  ["-1.5s", -1.5e9],
  [".5s", 0.5e9],
  ["5.s", 5e9],
  ["1us2µs3μs", 6e3],
  ["1ms1ns", 1_000_001],
  ["2562047h", 2562047 * 3600e9],
  ["2562048h", undefined],
  ["", undefined],
  ["10", undefined],
  ["1d", undefined],
  ["1 s", undefined],
  [".s", undefined],
  ["s", undefined],
  ["--1s", undefined],
  ["1S", undefined],
])("parseGoDurationNs %j is %s", (text, durationNs) => {
  expect(parseGoDurationNs(text)).toBe(durationNs);
});
