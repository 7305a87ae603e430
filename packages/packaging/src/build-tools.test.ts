import { expect, it } from "vitest";
import { missingTools } from "../tools.mjs";
import { describeBuildTools, libraryVersion } from "./build-tools.ts";

const missing = missingTools(false);
const skipped = missing === undefined ? "" : ` (skipped: needs ${missing})`;

it.skipIf(missing !== undefined)(`describeBuildTools has a version of each tool${skipped}`, () => {
  const lines = describeBuildTools({ version: "1.2.3", epochS: 1 }).trimEnd().split("\n");
  expect(lines[0]).toContain("ocir-broker 1.2.3");
  expect(lines.slice(1).map((line) => line.split(":", 1)[0])).toEqual([
    ...["amd64", "arm64"].flatMap((name) =>
      ["compiler", "C library", "libatomic", "strip"].map((tool) => `${name} ${tool}`),
    ),
    ...["make", "tar", "gzip", "patchelf"],
    "/usr/share/common-licenses/LGPL-2.1",
  ]);
  expect(lines.at(-1)).toMatch(/: SHA-256 [0-9a-f]{64}$/);
  for (const line of lines.slice(1, -1)) expect(line).toMatch(/\d+\.\d+/);
  expect(lines[2]).toMatch(/^amd64 C library: musl \d+\.\d+\.\d+$/);
  expect(lines[6]).toMatch(/^arm64 C library: glibc 2\.\d+$/);
});

it.skipIf(missing !== undefined)(`libraryVersion rejects another compiler under the name of musl's${skipped}`, () => {
  expect(() => libraryVersion({ compiler: "gcc", staticLibrary: "musl" })).toThrow(/^gcc does not use musl: /);
});
