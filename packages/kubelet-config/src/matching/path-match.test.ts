import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pathMatch, patternsMeet } from "./path-match.ts";

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
  ])("matches %j with %j: %j", (pattern, label, fits) => {
    expect(pathMatch(pattern, label)).toBe(fits);
  });

  test.each(["[", "[]", "[]a]", "[a", "[a-", "[a-]", "[-a]", "a["])("returns false for malformed %j", (pattern) => {
    expect(pathMatch(pattern, "a")).toBe(false);
    expect(pathMatch(pattern, pattern)).toBe(false);
  });

  test("does not take exponential time", () => {
    expect(pathMatch("a*".repeat(40), `${"a".repeat(80)}`)).toBe(true);
    expect(pathMatch(`${"a*".repeat(40)}b`, "a".repeat(80))).toBe(false);
  });
});

describe("patternsMeet", () => {
  test.each([
    ["", "", true],
    ["*", "", true],
    ["iad", "iad", true],
    ["iad", "phx", false],
    ["*d", "i*", true],
    ["*d", "i*x", false],
    ["a*c", "*b*", true],
    ["a*a", "a", false],
    ["*", "*", true],
    ["[a-c]*", "*[x-z]", true],
    ["[a-c]", "[b-d]", true],
    ["[a-c]", "[x-z]", false],
    ["[", "*", false],
  ])("compares %j with %j: %j, in both orders", (a, b, meet) => {
    expect([patternsMeet(a, b), patternsMeet(b, a)]).toEqual([meet, meet]);
  });

  test("returns true for two patterns that match a common label", () => {
    const parts = fc.array(fc.stringMatching(/^[a-z]{0,3}$/), { minLength: 1, maxLength: 4 });
    const globbed = (label: string, at: number, length: number) => `${label.slice(0, at)}*${label.slice(at + length)}`;
    fc.assert(
      fc.property(parts, fc.nat(8), fc.nat(8), fc.nat(4), fc.nat(4), (pieces, atA, atB, lengthA, lengthB) => {
        const label = pieces.join("-");
        return patternsMeet(globbed(label, atA, lengthA), globbed(label, atB, lengthB));
      }),
    );
  });

  test("agrees with pathMatch when one pattern is a plain label", () => {
    const pattern = fc.stringMatching(/^[ab*]{0,6}$/);
    fc.assert(fc.property(pattern, fc.stringMatching(/^[ab]{0,6}$/), (a, b) => patternsMeet(a, b) === pathMatch(a, b)));
  });
});
