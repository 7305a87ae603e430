/** The .tar.gz: the tree, an installer and checksums in one folder. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checksums, FILES, type InstalledFile, writeTree } from "../contents/installed-tree.ts";
import { CHECKOUT, type Release } from "../release.ts";
import type { Target } from "../target.ts";
import { makeTar } from "./tar.ts";

/** @returns the file's name in `output`. */
export async function makeArchive(
  target: Target,
  release: Release,
  installed: readonly InstalledFile[],
  places: { work: string; output: string },
): Promise<string> {
  const name = `ocir-broker-${release.version}-linux-${target.debArchitecture}`;
  const installScript = readFileSync(join(CHECKOUT, "packages/installer/install.sh"), "utf8").replaceAll(
    "MACHINE",
    target.machine,
  );
  const files: InstalledFile[] = [
    ...installed,
    { path: "/install.sh", mode: 0o755, from: { text: installScript } },
    { path: "/README.txt", mode: 0o644, from: join(FILES, "README.txt") },
    { path: "/LICENSE", mode: 0o644, from: join(CHECKOUT, "LICENSE") },
  ];
  writeTree(join(places.work, name), [
    ...files,
    { path: "/SHA256SUMS", mode: 0o644, from: { text: checksums(files, "sha256") } },
  ]);
  await makeTar(release, places.work, name, join(places.output, `${name}.tar.gz`));
  return `${name}.tar.gz`;
}
