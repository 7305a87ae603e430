import { describe, expect, it } from "vitest";
import { maintainerOf, thisRelease } from "./release.ts";

describe("thisRelease", () => {
  it("reads the time from SOURCE_DATE_EPOCH", () => {
    expect(thisRelease({ SOURCE_DATE_EPOCH: "1790000000" })).toMatchObject({ epochS: 1_790_000_000 });
  });

  it.each(["", "yesterday", "-1", "1.5"])("rejects %j as a time", (epoch) => {
    expect(() => thisRelease({ SOURCE_DATE_EPOCH: epoch })).toThrow("SOURCE_DATE_EPOCH");
  });

  it("rejects a version that cannot be an image tag and a label of Kubernetes", () => {
    const versionOf = (given: string) => thisRelease({ SOURCE_DATE_EPOCH: "1" }, given).version;
    expect(versionOf("1.2.3-acme.1")).toBe("1.2.3-acme.1");
    expect(() => versionOf("1.2.3+acme.1")).toThrow("version 1.2.3+acme.1 in packages/cli/package.json cannot be");
  });
});

it("maintainerOf returns the publisher, or a default name without an address", () => {
  const given = (name: string) => maintainerOf(thisRelease({ SOURCE_DATE_EPOCH: "1", OCIR_BROKER_MAINTAINER: name }));
  expect(given("Acme Inc. <a@acme.example>")).toBe("Acme Inc. <a@acme.example>");
  expect(given("")).toBe("ocir-broker maintainers");
  expect(() => given("x\nDepends: y")).toThrow("OCIR_BROKER_MAINTAINER");
});
