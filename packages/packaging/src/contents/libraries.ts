/**
 * The C libraries of a release: the one inside of the static programs; libatomic, which a node may lack, beside Node; and all that Node
 * needs, in an image without a base. All but musl are Debian's, found by the target's compiler.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "../target.ts";
import { type Component, libraryComponent } from "./bill-of-materials.ts";
import type { InstalledFile } from "./installed-tree.ts";
import type { Section } from "./licence-texts.ts";

/** What the bill of materials and the licence texts say of the libraries. */
export interface Libraries {
  readonly components: readonly Component[];
  readonly licences: readonly Section[];
}

export const LIBATOMIC = "libatomic.so.1";

/** Those of `readelf -d node`, and what these need. */
const NODE_LIBRARIES = [
  LIBATOMIC,
  "libc.so.6",
  "libdl.so.2",
  "libgcc_s.so.1",
  "libm.so.6",
  "libpthread.so.0",
  "libstdc++.so.6",
];
/** Their path is part of each program. */
const LOADERS = { x86_64: "/lib64/ld-linux-x86-64.so.2", aarch64: "/lib/ld-linux-aarch64.so.1" };

const COMMON_LICENCES = "/usr/share/common-licenses";
/** Of Debian, on which packages are made. */
const LGPL = join(COMMON_LICENCES, "LGPL-2.1");
const ABOUT_GLIBC = `GNU C Library, LGPL-2.1-or-later. https://www.gnu.org/software/libc/

Parts of it are linked into the three small programs. Their whole source and Makefile, to link them with another version
of it, are in packages/native of this release.
`;

/** What is installed on a node. */
export function nodeLibraries(target: Target): Libraries {
  const name = target.staticLibrary;
  const id = { musl: "MIT", glibc: "LGPL-2.1-or-later" }[name];
  const musl = join(import.meta.dirname, "../../files/musl-licence.txt");
  const licence = name === "musl" ? readFileSync(musl, "utf8") : `${ABOUT_GLIBC}\n${readFileSync(LGPL, "utf8")}`;
  const libatomic = debianLibraries(target, ["libatomic1"], ["GPL-3"]);
  return {
    components: [libraryComponent(name, `pkg:generic/${name}`, { license: { id } }), ...libatomic.components],
    licences: [["The C library inside of the static programs", licence], ...libatomic.licences],
  };
}

/** What is in an image without a base. */
export function imageLibraries(target: Target): Libraries {
  return debianLibraries(target, ["libatomic1", "libc6", "libgcc-s1", "libstdc++6"], ["GPL-3", "LGPL-2.1"]);
}

/** Loader and libraries, in the first folder of every loader's search path. */
export function imageLibraryFiles(target: Target): InstalledFile[] {
  const loader = LOADERS[target.machine];
  const files = NODE_LIBRARIES.map(
    (name): InstalledFile => ({
      path: `/lib/${name}`,
      mode: 0o755,
      from: libraryPath(target, name),
    }),
  );
  return [...files, { path: loader, mode: 0o755, from: libraryPath(target, loader.replace(/.*\//, "")) }];
}

export function libraryPath({ machine }: Target, name: string): string {
  const compiler = `${machine}-linux-gnu-gcc`;
  const path = execFileSync(compiler, [`-print-file-name=${name}`], { encoding: "utf8" }).trim();
  if (path === name) throw new Error(`${compiler} has no ${name}`);
  return realpathSync(path);
}

/** @param licences those that the packages' copyright files name. */
function debianLibraries(target: Target, packages: readonly string[], licences: readonly string[]): Libraries {
  const names = packages.map((name) => debianPackage(target, name));
  return {
    // The version names what is known to be vulnerable.
    components: names.map((name) => {
      const version = debianVersion(name);
      const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${target.debArchitecture}`;
      const licence = name.startsWith("libc6")
        ? { license: { id: "LGPL-2.1-or-later" } }
        : { expression: "GPL-3.0-or-later WITH GCC-exception-3.1" };
      return libraryComponent(name, purl, licence, version);
    }),
    licences: [
      ...names.map(
        (name): Section => [
          `${name} ${debianVersion(name)}, of Debian; its source is on sources.debian.org`,
          readFileSync(`/usr/share/doc/${name}/copyright`, "utf8"),
        ],
      ),
      ...licences.map((name): Section => [name, readFileSync(join(COMMON_LICENCES, name), "utf8")]),
    ],
  };
}

/** The name of a library's package for the target, on this machine. */
function debianPackage({ nodeArchitecture }: Target, name: string): string {
  return nodeArchitecture === process.arch ? name : `${name}-${nodeArchitecture}-cross`;
}

function debianVersion(name: string): string {
  const [, version = ""] = execFileSync("dpkg-query", ["--show", name], { encoding: "utf8" }).trim().split("\t");
  return version;
}
