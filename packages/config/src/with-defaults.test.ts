import { describe, expect, test } from "vitest";
import { withDefaults } from "./with-defaults.ts";

const DEFAULTS = { identity: { provider: "user", other: 1 } };

describe("withDefaults", () => {
  test.each<[name: string, value: unknown, expected: unknown]>([
    ["adds a section", { log: {} }, { log: {}, identity: { provider: "user", other: 1 } }],
    ["adds keys to a section", { identity: { provider: "none" } }, { identity: { provider: "none", other: 1 } }],
    ["leaves a section that is not a mapping unchanged", { identity: "none" }, { identity: "none" }],
    ["leaves a value that is not a mapping unchanged", "text", "text"],
  ])("%s", (_name, value, expected) => {
    expect(withDefaults(value, DEFAULTS)).toEqual(expected);
  });

  test("adds nothing without defaults", () => {
    expect(withDefaults({ log: {} })).toEqual({ log: {} });
  });
});
