/** The names and versions of a release candidate's packages. Their content and bytes: test/system/packages/packages.test.ts. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import type { InstalledFile } from "./contents/installed-tree.ts";
import { makeArchive } from "./formats/archive.ts";
import { makeDeb } from "./formats/deb.ts";
import { makeRpm } from "./formats/rpm.ts";
import { missingPrograms, TARGETS } from "./target.ts";

const RELEASE = { version: "1.2.3-rc.4", epochS: 1_790_000_000 };
const FILES: InstalledFile[] = [
  { path: "/usr/libexec/ocir-broker/program", mode: 0o755, from: import.meta.filename },
  { path: "/usr/share/doc/ocir-broker/examples/text", mode: 0o644, from: { text: "text\n" } },
];
const [missing] = TARGETS.flatMap(missingPrograms);

it.skipIf(missing !== undefined).each([
  [["ocir-broker-1.2.3-rc.4-linux-amd64.tar.gz", "ocir-broker-1.2.3-rc.4-linux-arm64.tar.gz"], makeArchive],
  [["ocir-broker_1.2.3~rc.4_amd64.deb", "ocir-broker_1.2.3~rc.4_arm64.deb"], makeDeb],
  [["ocir-broker-1.2.3~rc.4-1.x86_64.rpm", "ocir-broker-1.2.3~rc.4-1.aarch64.rpm"], makeRpm],
])(`packs %j${missing ? ` (skipped: needs ${missing})` : ""}`, async (names, make) => {
  const output = temporaryFolder();
  const made = TARGETS.map((target) => {
    const work = join(output, target.machine);
    mkdirSync(work);
    return make(target, RELEASE, FILES, { work, output });
  });
  expect(await Promise.all(made)).toEqual(names);
});
