import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { TARGETS } from "../target.ts";
import { billOfMaterials, libraryComponent } from "./bill-of-materials.ts";
import { bundledPackages } from "./bundled-packages.ts";

const RELEASE = { version: "1.2.3", epochS: 1_790_000_000 };
const USED = ["undici/index.js", "@pinojs/redact/index.js", "assert-plus/assert.js", "systemd-notify/notify.js"];
const [amd64] = TARGETS;

describe("bundledPackages", () => {
  const inputs = {
    ...Object.fromEntries(USED.map((path) => [`../../node_modules/${path}`, { bytesInOutput: 1 }])),
    "../../node_modules/undici/lib/other.js": { bytesInOutput: 1 },
    "../../node_modules/vitest/index.js": { bytesInOutput: 0 },
    "src/main.ts": { bytesInOutput: 1 },
  };
  const metafile = join(temporaryFolder(), "metafile.json");
  writeFileSync(metafile, JSON.stringify({ outputs: { "x.cjs": { inputs } } }));
  const packages = bundledPackages(metafile);
  const libraries = [libraryComponent("musl", "pkg:generic/musl", { license: { id: "MIT" } })];

  it("lists each npm package whose code is bundled, once and sorted", () => {
    expect(packages.map(({ name }) => name)).toEqual(["@pinojs/redact", "assert-plus", "systemd-notify", "undici"]);
  });

  it("reads a licence from either field, and reports a missing licence text", () => {
    expect(packages.map(({ licence }) => licence)).toEqual(["MIT", "MIT", "MIT", "MIT"]);
    expect(packages[1]?.licenceText).toMatch(/brings no licence text.* says: MIT\. Copyright: Mark Cavage/);
    expect(packages[3]?.licenceText).toContain("Permission is hereby granted");
  });

  it("names Node, the libraries and the packages, each with its version and checksum", () => {
    const bill = billOfMaterials("ocir-broker", amd64, RELEASE, libraries, packages);
    const { components, metadata } = JSON.parse(bill);
    expect(metadata.timestamp).toBe("2026-09-21T14:13:20.000Z");
    expect(components.map(({ purl }: { purl: string }) => purl)).toEqual([
      "pkg:generic/node@26.10.0?arch=x64&os=linux",
      "pkg:generic/musl",
      ...packages.map(({ name, version }) => `pkg:npm/${name.replace("@", "%40")}@${version}`),
    ]);
    for (const { hashes } of components.slice(2)) expect(hashes[0].content).toMatch(/^[0-9a-f]{128}$/);
  });
});
