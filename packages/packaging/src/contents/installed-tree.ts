/**
 * The files of an installed node: one list for all package formats. Files are under /usr, as distributions require; the names in
 * /usr/local, which other programs rely on, are links that `ocir-broker node install` makes (docs/decisions/0012).
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
  /** Absolute path on the node. */
  readonly path: string;
  readonly mode: 0o644 | 0o755;
  /** Path of the source file, or the text itself. */
  readonly from: string | { readonly text: string | Buffer };
}

export const FILES = join(import.meta.dirname, "../../files");
const LIBEXEC = "/usr/libexec/ocir-broker";
const DOCUMENTATION = "/usr/share/doc/ocir-broker";

const UNITS = ["ocir-broker.service", "ocir-broker.socket", "ocir-broker-health.socket"] as const;

export function installedFiles(target: Target, release: Release, programs: BuiltPrograms): InstalledFile[] {
  const packages = bundledPackages(join(programs.folder, "ocir-broker.metafile.json"));
  const { components, licences } = nodeLibraries(target);
  const program = (name: string, from: string): InstalledFile => ({ path: `${LIBEXEC}/${name}`, mode: 0o755, from });
  const plain = (path: string, from: InstalledFile["from"]): InstalledFile => ({ path, mode: 0o644, from });
  return [
    ...["ocir-broker", ...STATIC_PROGRAMS].map((name) => program(name, join(programs.folder, name))),
    plain(`${LIBEXEC}/${LIBATOMIC}`, join(programs.folder, LIBATOMIC)),
    ...UNITS.map((unit) => plain(`/usr/lib/systemd/system/${unit}`, join(CHECKOUT, "systemd", unit))),
    ...UNITS.map((unit) => plain(`/usr/lib/systemd/user/${unit}`, join(CHECKOUT, "systemd/user", unit))),
    plain("/usr/lib/sysusers.d/ocir-broker.conf", join(CHECKOUT, "systemd/ocir-broker.sysusers.conf")),
    plain("/usr/lib/tmpfiles.d/ocir-broker.conf", join(CHECKOUT, "systemd/ocir-broker.tmpfiles.conf")),
    plain(`${DOCUMENTATION}/examples/config.yaml`, join(FILES, "config.example.yaml")),
    plain(`${DOCUMENTATION}/CHANGELOG.md`, join(CHECKOUT, "CHANGELOG.md")),
    plain(`${DOCUMENTATION}/codes.md`, join(CHECKOUT, "docs/reference/codes.md")),
    plain(`${DOCUMENTATION}/sbom.cdx.json`, {
      text: billOfMaterials("ocir-broker", target, release, components, packages),
    }),
    plain(`${DOCUMENTATION}/third-party-licences.txt`, {
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
