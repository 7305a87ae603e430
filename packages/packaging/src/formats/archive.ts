/** The .tar.gz: the tree, an installer and checksums in one folder. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checksums, FILES, type InstalledFile, type MakePackage, writeTree } from "../contents/installed-tree.ts";
import { CHECKOUT } from "../release.ts";
import { makeTar } from "./tar.ts";

export const makeArchive: MakePackage = async (target, release, installed, places) => {
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
};
