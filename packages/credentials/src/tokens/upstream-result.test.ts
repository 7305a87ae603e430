import { describe, expect, it } from "vitest";
import { upstreamResult } from "./upstream-result.ts";

describe("upstreamResult", () => {
  it.each([
    [200, "2xx"],
    [302, "3xx"],
    [400, "4xx"],
    [401, "401"],
    [403, "403"],
    [404, "404"],
    [429, "429"],
    [500, "5xx"],
    [503, "5xx"],
  ])("maps status %d to the label %s", (status, label) => {
    expect(upstreamResult(status)).toBe(label);
  });
});
