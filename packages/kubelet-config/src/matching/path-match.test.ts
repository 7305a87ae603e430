import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mayMeet, pathMatch } from "./path-match.ts";

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
    ["a*a", "a", false],
    ["ab*bc", "abc", false],
    ["i[a-z]d", "iad", true],
    ["a]", "a]", true],
  ])("matches %j with %j: %j", (pattern, label, fits) => {
    expect(pathMatch(pattern, label)).toBe(fits);
  });

  test("does not take exponential time", () => {
    expect(pathMatch("a*".repeat(40), `${"a".repeat(80)}`)).toBe(true);
    expect(pathMatch(`${"a*".repeat(40)}b`, "a".repeat(80))).toBe(false);
  });
});

describe("mayMeet", () => {
  test.each([
    ["iad", "iad", true],
    ["iad", "phx", false],
    ["i*", "iad", true],
    ["i*", "phx", false],
    ["*d", "i*", true],
    ["[a-c]", "*[x-z]", true],
  ])("compares %j with %j: %j, in both orders", (a, b, meet) => {
    expect([mayMeet(a, b), mayMeet(b, a)]).toEqual([meet, meet]);
  });

  test("agrees with pathMatch when one pattern is a plain label", () => {
    const pattern = fc.stringMatching(/^[ab*]{0,6}$/);
    fc.assert(fc.property(pattern, fc.stringMatching(/^[ab]{0,6}$/), (a, b) => mayMeet(a, b) === pathMatch(a, b)));
  });
});
