/** Builds the .deb with dpkg-deb: tree, control files and changelog. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  checksums,
  DOCUMENTATION,
  FILES,
  type InstalledFile,
  type MakePackage,
  writeTree,
  ZSH_COMPLETION,
} from "../contents/installed-tree.ts";
import { finished } from "../finished.ts";
import { maintainerOf, packageVersion, type Release } from "../release.ts";
import type { Target } from "../target.ts";

/** Node's own needs: glibc 2.28 and GLIBCXX_3.4.21, which is GCC 5. */
const DEPENDS = "libc6 (>= 2.28), libstdc++6 (>= 5), systemd (>= 239)";

const DEBIAN_ZSH_COMPLETION = "/usr/share/zsh/vendor-completions/_ocir-broker";

export const makeDeb: MakePackage = async (target, release, installed, places) => {
  const name = `ocir-broker_${packageVersion(release)}_${target.debArchitecture}.deb`;
  const root = join(places.work, "deb");
  const files: InstalledFile[] = [
    ...installed.map((file) => (file.path === ZSH_COMPLETION ? { ...file, path: DEBIAN_ZSH_COMPLETION } : file)),
    { path: `${DOCUMENTATION}/copyright`, mode: 0o644, from: join(FILES, "deb-copyright") },
    { path: `${DOCUMENTATION}/changelog.gz`, mode: 0o644, from: { text: gzipSync(changelog(release), { level: 9 }) } },
    { path: "/usr/share/lintian/overrides/ocir-broker", mode: 0o644, from: join(FILES, "lintian-overrides") },
  ];
  writeTree(root, [...files, ...controlFiles(target, release, files)]);
  await finished("dpkg-deb", ["--root-owner-group", "-Zxz", "-z3", "--build", root, join(places.output, name)], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(release.epochS) },
  });
  return name;
};

function controlFiles(target: Target, release: Release, files: readonly InstalledFile[]): InstalledFile[] {
  const script = (name: string): InstalledFile => ({
    path: `/DEBIAN/${name}`,
    mode: 0o755,
    from: join(FILES, `deb-${name}`),
  });
  return [
    { path: "/DEBIAN/control", mode: 0o644, from: { text: control(target, release, files) } },
    { path: "/DEBIAN/md5sums", mode: 0o644, from: { text: checksums(files, "md5") } },
    ...["postinst", "prerm", "postrm"].map(script),
  ];
}

function control(target: Target, release: Release, files: readonly InstalledFile[]): string {
  const sizes = files.map(({ from }) => (typeof from === "string" ? statSync(from).size : from.text.length));
  const installedKib = Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / 1024);
  return `Package: ocir-broker
Version: ${packageVersion(release)}
Architecture: ${target.debArchitecture}
Maintainer: ${maintainerOf(release)}
Installed-Size: ${installedKib}
Depends: ${DEPENDS}
Section: admin
Priority: optional
Description: registry credentials for OCIR on OKE nodes, kept fresh in memory
 Pulls private images of Oracle's container registry without passwords and
 without waiting: a daemon keeps the node's session and one token per registry
 host, and a tiny program answers the kubelet from it.
 .
 The kubelet's flags and configuration are left alone.
`;
}

/** In the form of Debian's tools; CHANGELOG.md has the changes. */
function changelog(release: Release): string {
  const date = new Date(release.epochS * 1000).toUTCString().replace("GMT", "+0000");
  return `ocir-broker (${packageVersion(release)}) stable; urgency=medium

  * The changes are in ${DOCUMENTATION}/CHANGELOG.md.

 -- ${release.maintainer ?? `${maintainerOf(release)} <>`}  ${date}
`;
}
