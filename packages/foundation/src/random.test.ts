import { expect, test } from "vitest";
import { systemRandom } from "./random.ts";

test("systemRandom stays in [0, 1)", () => {
  const drawn = Array.from({ length: 1_000 }, systemRandom);
  expect(drawn.every((number) => number >= 0 && number < 1)).toBe(true);
  expect(new Set(drawn).size).toBeGreaterThan(1);
});
