/**
 * The files of one version, which are in one folder of a node: one list for all package formats. `ocir-broker node install` copies what
 * is in `root` to its path, and makes the names in /usr/local, which other programs rely on, as links (docs/decisions/0012).
 */
import { chmodSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CHECKOUT, type Release } from "../release.ts";
import type { Target } from "../target.ts";
import { billOfMaterials } from "./bill-of-materials.ts";
import { bundledPackages } from "./bundled-packages.ts";
import { LIBATOMIC, nodeLibraries } from "./libraries.ts";
import { licenceTexts } from "./licence-texts.ts";
import { type BuiltPrograms, STATIC_PROGRAMS } from "./programs.ts";

export interface InstalledFile {
  /** In the version's folder. */
  readonly path: string;
  readonly mode: 0o644 | 0o755;
  /** Path of the source file, or the text itself. */
  readonly from: string | { readonly text: string | Buffer };
}

export const FILES = join(import.meta.dirname, "../../files");

const UNITS = ["ocir-broker.service", "ocir-broker.socket", "ocir-broker-health.socket"] as const;

export function installedFiles(target: Target, release: Release, programs: BuiltPrograms): InstalledFile[] {
  const packages = bundledPackages(join(programs.folder, "ocir-broker.metafile.json"));
  const { components, licences } = nodeLibraries(target);
  const program = (name: string, from: string): InstalledFile => ({ path: name, mode: 0o755, from });
  const plain = (path: string, from: InstalledFile["from"]): InstalledFile => ({ path, mode: 0o644, from });
  return [
    ...["ocir-broker", ...STATIC_PROGRAMS].map((name) => program(name, join(programs.folder, name))),
    plain(LIBATOMIC, join(programs.folder, LIBATOMIC)),
    ...UNITS.map((unit) => plain(`root/usr/lib/systemd/system/${unit}`, join(CHECKOUT, "systemd", unit))),
    ...UNITS.map((unit) => plain(`root/usr/lib/systemd/user/${unit}`, join(CHECKOUT, "systemd/user", unit))),
    plain("root/usr/lib/sysusers.d/ocir-broker.conf", join(CHECKOUT, "systemd/ocir-broker.sysusers.conf")),
    plain("root/usr/lib/tmpfiles.d/ocir-broker.conf", join(CHECKOUT, "systemd/ocir-broker.tmpfiles.conf")),
    plain("doc/examples/config.yaml", join(FILES, "config.example.yaml")),
    plain("doc/CHANGELOG.md", join(CHECKOUT, "CHANGELOG.md")),
    plain("doc/codes.md", join(CHECKOUT, "docs/reference/codes.md")),
    plain("doc/sbom.cdx.json", {
      text: billOfMaterials("ocir-broker", target, release, components, packages),
    }),
    plain("doc/third-party-licences.txt", {
      text: licenceTexts(programs.nodePackage, licences, packages),
    }),
  ];
}

export function writeTree(root: string, files: readonly InstalledFile[]): void {
  for (const { path, mode, from } of files) {
    const written = join(root, path);
    mkdirSync(dirname(written), { recursive: true, mode: 0o755 });
    if (typeof from === "string") cpSync(from, written);
    else writeFileSync(written, from.text);
    chmodSync(written, mode);
  }
}
