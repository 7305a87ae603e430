/** The .tar.gz: the tree, an installer and checksums in one folder. */
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FILES, type InstalledFile, writeTree } from "../contents/installed-tree.ts";
import { CHECKOUT, type Release } from "../release.ts";
import type { Target } from "../target.ts";
import { makeTar } from "./tar.ts";

/** @returns the paths of the archive, in `output`, and of the folder that is in it, in `work`. */
export async function makeArchive(
  target: Target,
  release: Release,
  installed: readonly InstalledFile[],
  { work, output }: { work: string; output: string },
): Promise<{ archive: string; tree: string }> {
  const name = `ocir-broker-${release.version}-linux-${target.debArchitecture}`;
  const installScript = readFileSync(join(CHECKOUT, "packages/installer/install.sh"), "utf8").replaceAll(
    "MACHINE",
    target.machine,
  );
  const files: InstalledFile[] = [
    ...installed,
    { path: "install.sh", mode: 0o755, from: { text: installScript } },
    { path: "helper.sh", mode: 0o755, from: join(FILES, "helper.sh") },
    { path: "README.txt", mode: 0o644, from: join(FILES, "README.txt") },
    { path: "LICENSE", mode: 0o644, from: join(CHECKOUT, "LICENSE") },
  ];
  const tree = join(work, name);
  const archive = join(output, `${name}.tar.gz`);
  writeTree(tree, [...files, { path: "SHA256SUMS", mode: 0o644, from: { text: checksums(files) } }]);
  await makeTar(release, work, name, archive);
  return { archive, tree };
}

/** In the format of `sha256sum -c`, relative to the tree's root. */
function checksums(files: readonly InstalledFile[]): string {
  const lines = files.map(({ path, from }) => {
    const content = typeof from === "string" ? readFileSync(from) : from.text;
    return `${hash("sha256", content)}  ${path}\n`;
  });
  return lines.join("");
}
