/** The three packers on a tree of two files: quick, so that they are tested with everything else. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import type { InstalledFile } from "./contents/installed-tree.ts";
import { makeArchive } from "./formats/archive.ts";
import { makeDeb } from "./formats/deb.ts";
import { makeRpm } from "./formats/rpm.ts";
import type { Release } from "./release.ts";
import { missingPrograms, TARGETS, type Target } from "./target.ts";

const RELEASE: Release = { version: "1.2.3-rc.4", epochS: 1_790_000_000 };
const FILES: InstalledFile[] = [
  { path: "/usr/libexec/ocir-broker/program", mode: 0o755, from: import.meta.filename },
  { path: "/usr/share/doc/ocir-broker/examples/text", mode: 0o644, from: { text: "text\n" } },
];
const PACKERS = [
  {
    make: makeArchive,
    name: ({ debArchitecture }: Target) => `ocir-broker-1.2.3-rc.4-linux-${debArchitecture}.tar.gz`,
  },
  { make: makeDeb, name: ({ debArchitecture }: Target) => `ocir-broker_1.2.3~rc.4_${debArchitecture}.deb` },
  { make: makeRpm, name: ({ machine }: Target) => `ocir-broker-1.2.3~rc.4-1.${machine}.rpm` },
];

describe.each(TARGETS)("for $debArchitecture", (target) => {
  const [missing] = missingPrograms(target);
  const scratch = temporaryFolder();

  async function makeIn(folder: string, { make }: (typeof PACKERS)[number]): Promise<string> {
    const places = { work: join(scratch, folder, "work"), output: join(scratch, folder) };
    mkdirSync(places.work, { recursive: true });
    return join(places.output, await make(target, RELEASE, FILES, places));
  }

  it.skipIf(missing !== undefined).each(PACKERS)(
    `$make.name produces the same bytes in another folder${missing ? ` (skipped: needs ${missing})` : ""}`,
    async (packer) => {
      const [first, second] = [await makeIn("first", packer), await makeIn("second/folder", packer)];
      expect(first).toBe(join(scratch, "first", packer.name(target)));
      expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
    },
  );

  it.skipIf(missing !== undefined)(
    "makeArchive writes the machine into the installer, and checksums of its files",
    async () => {
      const archive = await makeIn("unpacked", PACKERS[0] as (typeof PACKERS)[number]);
      execFileSync("tar", ["xzf", archive, "-C", join(scratch, "unpacked")]);
      const folder = archive.replace(/\.tar\.gz$/, "");
      expect(readFileSync(join(folder, "install.sh"), "utf8")).toContain(`for Linux on ${target.machine},`);
      execFileSync("sha256sum", ["--quiet", "-c", "SHA256SUMS"], { cwd: folder });
    },
  );
});
