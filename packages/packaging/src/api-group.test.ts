import { expect, it } from "vitest";
import { apiGroupOf } from "./api-group.ts";

const API = { group: "pulls.example", isPlaceholder: true, version: "v1" };

it("apiGroupOf returns the given group, or the owner's instead of the placeholder", () => {
  expect(apiGroupOf("mine.example", API)).toBe("mine.example");
  expect(apiGroupOf(undefined, API)).toBeUndefined();
  expect(apiGroupOf(undefined, { ...API, isPlaceholder: false })).toBe("pulls.example");
});

it.each(["Acme_Corp", "acme", "-a.example", "a..example", ""])(
  "apiGroupOf refuses %j, as the API server would",
  (group) => {
    expect(() => apiGroupOf(group, API)).toThrow("must be a DNS name");
    expect(() => apiGroupOf(undefined, { ...API, group, isPlaceholder: false })).toThrow("must be a DNS name");
  },
);
