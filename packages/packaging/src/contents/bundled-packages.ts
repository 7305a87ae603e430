/** The npm packages whose code is in the executable, by esbuild's metafile, with their licences. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "../release.ts";

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly licence: string;
  /** The package's licence files, or their replacement. */
  readonly licenceText: string;
  /** From the lockfile: `sha512-<base64>`. */
  readonly integrity: string;
}

interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly licenses?: readonly { readonly type: string }[];
  readonly author?: string | { readonly name: string };
}

const LICENCE_FILE = /^(licen[cs]e|copying|notice|third.party)/i;

/** Sorted by name. Paths in a metafile are relative to a package of the checkout. */
export function bundledPackages(...metafiles: readonly string[]): BundledPackage[] {
  const outputs = metafiles.map((path) => (JSON.parse(readFileSync(path, "utf8")) as Metafile).outputs);
  const used = outputs
    .flatMap((each) => Object.values(each))
    .flatMap(({ inputs }) =>
      Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
    );
  const folders = used.flatMap((path) => /^(?:\.\.\/)*(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []);
  const lockfile = JSON.parse(readFileSync(join(CHECKOUT, "package-lock.json"), "utf8"));
  return [...new Set(folders)].sort().map((folder) => bundledPackage(folder, lockfile.packages[folder]?.integrity));
}

function bundledPackage(folder: string, integrity: string | undefined): BundledPackage {
  const path = join(CHECKOUT, folder);
  const manifest = JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as Manifest;
  const { name, version } = manifest;
  const licence = manifest.license ?? manifest.licenses?.map(({ type }) => type).join(" OR ");
  if (licence === undefined) throw new Error(`${name} ${version} names no licence`);
  if (integrity === undefined) throw new Error(`package-lock.json has no integrity for ${folder}`);
  return { name, version, licence, licenceText: licenceText(path, manifest, licence), integrity };
}

function licenceText(path: string, { author }: Manifest, licence: string): string {
  const files = readdirSync(path).filter((name) => LICENCE_FILE.test(name));
  if (files.length > 0) {
    return files
      .sort()
      .map((name) => readFileSync(join(path, name), "utf8").trim())
      .join("\n\n");
  }
  const holder = typeof author === "string" ? author : (author?.name ?? "its authors");
  return `The package brings no licence text. Its package.json says: ${licence}. Copyright: ${holder}.`;
}
