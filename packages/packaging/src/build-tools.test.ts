import { describe, expect, it } from "vitest";
import { describeBuildTools } from "./build-tools.ts";
import { missingPrograms, TARGETS } from "./target.ts";

const [missing] = TARGETS.flatMap(missingPrograms);
const lack = missing === undefined ? "" : ` (skipped: needs ${missing})`;

describe("describeBuildTools", () => {
  it.skipIf(lack !== "")(`has a version of each tool${lack}`, () => {
    const lines = describeBuildTools(TARGETS, { version: "1.2.3", epochS: 1 }).trimEnd().split("\n");
    expect(lines[0]).toContain("ocir-broker 1.2.3");
    expect(lines.slice(1).map((line) => line.split(":", 1)[0])).toEqual([
      ...["amd64", "arm64"].flatMap((name) => [
        `${name} compiler`,
        `${name} C library`,
        `${name} libatomic`,
        `${name} strip`,
      ]),
      ...["make", "tar", "gzip", "patchelf"],
      "/usr/share/common-licenses/LGPL-2.1",
    ]);
    expect(lines.at(-1)).toMatch(/: SHA-256 [0-9a-f]{64}$/);
    for (const line of lines.slice(1, -1)) expect(line).toMatch(/\d+\.\d+/);
    expect(lines[2]).toMatch(/^amd64 C library: musl \d+\.\d+\.\d+$/);
    expect(lines[6]).toMatch(/^arm64 C library: glibc 2\.\d+$/);
  });

  it.skipIf(lack !== "")(`rejects another compiler under the name of the musl compiler${lack}`, () => {
    const targets = TARGETS.map((target) => ({ ...target, compiler: "gcc" }));
    expect(() => describeBuildTools(targets, { version: "1.2.3", epochS: 1 })).toThrow(
      /^gcc does not use musl: install the Debian packages .*musl-tools/,
    );
  });
});
