import { describe, expect, it } from "vitest";
import { thisRelease } from "./release.ts";

describe("thisRelease", () => {
  it("reads the time from SOURCE_DATE_EPOCH", () => {
    expect(thisRelease({ SOURCE_DATE_EPOCH: "1790000000" })).toMatchObject({ epochS: 1_790_000_000 });
  });

  it.each(["", "yesterday", "-1", "1.5"])("rejects %j as a time", (epoch) => {
    expect(() => thisRelease({ SOURCE_DATE_EPOCH: epoch })).toThrow("SOURCE_DATE_EPOCH");
  });
});
