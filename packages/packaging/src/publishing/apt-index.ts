/**
 * The files that make a release's folder an apt repository: `Packages` and `Release`. Signing adds `InRelease`. For dnf, run
 * createrepo_c on the web server; dnf trusts the signature in each .rpm.
 */
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finished } from "../finished.ts";
import type { Release } from "../release.ts";
import { TARGETS } from "../target.ts";
import { sha256Of } from "./sums.ts";

/** A mirror that still serves this index then is refused by apt. A supported release is younger (docs/support.md). */
const VALID_DAYS = 365;

export async function writeAptIndex(folder: string, { epochS }: Release): Promise<void> {
  const debs = readdirSync(folder).filter((name) => name.endsWith(".deb"));
  const entries = await Promise.all(debs.sort().map((name) => entryOf(folder, name)));
  const packages = entries.join("\n");
  writeFileSync(join(folder, "Packages"), packages);
  const sha256 = sha256Of(join(folder, "Packages"));
  const lines = [
    "Origin: ocir-broker",
    "Label: ocir-broker",
    "Suite: stable",
    `Architectures: ${TARGETS.map(({ debArchitecture }) => debArchitecture).join(" ")}`,
    `Date: ${rfc1123(epochS)}`,
    `Valid-Until: ${rfc1123(epochS + VALID_DAYS * 86_400)}`,
    "SHA256:",
    ` ${sha256} ${Buffer.byteLength(packages)} Packages`,
  ];
  writeFileSync(join(folder, "Release"), `${lines.join("\n")}\n`);
}

function rfc1123(epochS: number): string {
  return new Date(epochS * 1_000).toUTCString();
}

async function entryOf(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  const control = await finished("dpkg-deb", ["--field", path]);
  return `${control.trimEnd()}\nFilename: ./${name}\nSize: ${statSync(path).size}\nSHA256: ${sha256Of(path)}\n`;
}
