import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pathMatch } from "./path-match.ts";

describe("pathMatch", () => {
  test.each([
    ["", "", true],
    ["", "a", false],
    ["*", "", true],
    ["*", "iad", true],
    ["app*", "app1", true],
    ["app*", "ap", false],
    ["*-1", "us-ashburn-1", true],
    ["*a*a*", "banana", true],
    ["*a*b", "banana", false],
    ["[a-c]", "b", true],
    ["[a-c]", "d", false],
    ["[ac]", "b", false],
    ["[a-bx]d", "xd", true],
    ["a]", "a]", true],
    ["[é-ü]", "ö", true],
  ])("%j %j %j", (pattern, label, fits) => {
    expect(pathMatch(pattern, label)).toBe(fits);
  });

  test.each(["[", "[]", "[]a]", "[a", "[a-", "[a-]", "[-a]", "a["])("is false for the malformed %j", (pattern) => {
    expect(pathMatch(pattern, "a")).toBe(false);
    expect(pathMatch(pattern, pattern)).toBe(false);
  });

  const label = fc.stringMatching(/^[a-z0-9-]{0,12}$/);

  test("matches a label with itself and nothing else, where the pattern has no special character", () => {
    fc.assert(fc.property(label, label, (a, b) => pathMatch(a, b) === (a === b)));
  });

  test("lets * stand for any text", () => {
    fc.assert(fc.property(label, label, label, (a, b, c) => pathMatch(`${a}*${c}`, a + b + c)));
  });

  test("takes no exponential time", () => {
    expect(pathMatch("a*".repeat(40), `${"a".repeat(80)}`)).toBe(true);
    expect(pathMatch(`${"a*".repeat(40)}b`, "a".repeat(80))).toBe(false);
  });
});
