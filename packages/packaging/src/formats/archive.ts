/** The .tar.gz: the tree, an installer and checksums in one folder. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FILES, INSTALLER, type InstalledFile, LIBEXEC, setTimes, writeTree } from "../contents/installed-tree.ts";
import { finished } from "../finished.ts";
import { CHECKOUT, type Release } from "../release.ts";
import type { Target } from "../target.ts";

/** @returns the file's name in `output`. */
export async function makeArchive(
  target: Target,
  release: Release,
  installed: readonly InstalledFile[],
  places: { work: string; output: string },
): Promise<string> {
  const name = `ocir-broker-${release.version}-linux-${target.debArchitecture}`;
  const installScript = readFileSync(join(INSTALLER, "install.sh"), "utf8").replaceAll("MACHINE", target.machine);
  const files: InstalledFile[] = [
    ...installed,
    { path: `${LIBEXEC}/uninstall.sh`, mode: 0o755, from: join(INSTALLER, "uninstall.sh") },
    { path: "/install.sh", mode: 0o755, from: { text: installScript } },
    { path: "/README.txt", mode: 0o644, from: join(FILES, "README.txt") },
    { path: "/LICENSE", mode: 0o644, from: join(CHECKOUT, "LICENSE") },
  ];
  writeTree(join(places.work, name), [
    ...files,
    { path: "/SHA256SUMS", mode: 0o644, from: { text: checksums(files) } },
  ]);
  setTimes(join(places.work, name), release.epochS);
  const tarball = join(places.work, `${name}.tar`);
  const owner = ["--owner=0", "--group=0", "--numeric-owner"];
  await finished("tar", ["--sort=name", "--format=ustar", ...owner, "-C", places.work, "-cf", tarball, name]);
  await finished("gzip", ["-n", "-9", "--force", tarball]);
  await finished("mv", [`${tarball}.gz`, join(places.output, `${name}.tar.gz`)]);
  return `${name}.tar.gz`;
}

/** In the format of `sha256sum -c`. */
function checksums(files: readonly InstalledFile[]): string {
  const lines = files.map(({ path, from }) => {
    const content = typeof from === "string" ? readFileSync(from) : from.text;
    return `${createHash("sha256").update(content).digest("hex")}  ${path.slice(1)}\n`;
  });
  return lines.join("");
}
