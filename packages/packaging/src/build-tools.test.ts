import { expect, it } from "vitest";
import { missingTools } from "../tools.mjs";
import { describeBuildTools } from "./build-tools.ts";

const missing = missingTools(false);
const skipped = missing === undefined ? "" : ` (skipped: needs ${missing})`;

it.skipIf(missing !== undefined)(
  `describeBuildTools has the version of each package that makes a release${skipped}`,
  () => {
    const [head, ...lines] = describeBuildTools({ version: "1.2.3", epochS: 1 }).trimEnd().split("\n");
    expect(head).toContain("ocir-broker 1.2.3");
    for (const line of lines) expect(line).toMatch(/^[a-z0-9.+:-]+\t\S*\d\S*$/);
    const names = lines.map((line) => line.split(/[:\t]/, 1)[0]);
    expect(names).toEqual(
      expect.arrayContaining([
        "base-files",
        "binutils",
        "libatomic1",
        "libatomic1-arm64-cross",
        "musl-dev",
        "patchelf",
      ]),
    );
  },
);
