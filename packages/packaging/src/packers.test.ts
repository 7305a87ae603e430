/** The names and versions of a release candidate's packages. Their content and bytes: test/system/packages/packages.test.ts. */
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { missingTools } from "../tools.mjs";
import type { InstalledFile } from "./contents/installed-tree.ts";
import { makeArchive } from "./formats/archive.ts";
import { buildNfpm, makeLinuxPackages } from "./formats/linux-packages.ts";
import { TARGETS } from "./target.ts";

const BUILD_LIMIT_MS = 600_000;
const RELEASE = { version: "1.2.3-rc.4", epochS: 1_790_000_000 };
const DOCUMENTATION = ["CHANGELOG.md", "codes.md", "examples/config.yaml", "sbom.cdx.json", "third-party-licences.txt"];
const FILES = [
  ...["ocir-broker", "credential-provider-oke", "docker-credential-ocir", "ocir-broker-launch", "libatomic.so.1"],
  "root/usr/lib/tmpfiles.d/ocir-broker.conf",
  ...DOCUMENTATION.map((name) => `doc/${name}`),
].map((path): InstalledFile => ({ path, mode: 0o644, from: { text: "text\n" } }));
const missing = missingTools(false);
const skipped = missing ? ` (skipped: needs ${missing})` : "";

it.skipIf(missing !== undefined)(`packs a release candidate${skipped}`, { timeout: BUILD_LIMIT_MS }, async () => {
  const [work, output] = [temporaryFolder(), temporaryFolder()];
  const nfpm = await buildNfpm(work);
  for (const target of TARGETS) {
    const places = { work: join(work, target.machine), output };
    mkdirSync(places.work);
    const { tree } = await makeArchive(target, RELEASE, FILES, places);
    await makeLinuxPackages(nfpm, target, RELEASE, { tree, output });
  }
  expect(readdirSync(output).sort()).toEqual([
    "ocir-broker-1.2.3-rc.4-linux-amd64.tar.gz",
    "ocir-broker-1.2.3-rc.4-linux-arm64.tar.gz",
    "ocir-broker-1.2.3~rc.4-1.aarch64.rpm",
    "ocir-broker-1.2.3~rc.4-1.x86_64.rpm",
    "ocir-broker_1.2.3~rc.4_amd64.deb",
    "ocir-broker_1.2.3~rc.4_arm64.deb",
  ]);
});
