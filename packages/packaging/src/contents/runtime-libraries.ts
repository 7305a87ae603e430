/** The shared libraries of the target's compiler that Node needs, with their versions and licences, for an image without a base. */
import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import type { Target } from "../target.ts";
import { type Component, libraryComponent } from "./bill-of-materials.ts";
import type { InstalledFile } from "./installed-tree.ts";

/** Each compiler's dynamic loader, whose path is part of the program, and the Debian packages of its libraries. */
const SOURCES = {
  x86_64: {
    compiler: "gcc",
    loader: "/lib64/ld-linux-x86-64.so.2",
    packages: ["libc6", "libgcc-s1", "libstdc++6"],
  },
  aarch64: {
    compiler: "aarch64-linux-gnu-gcc",
    loader: "/lib/ld-linux-aarch64.so.1",
    packages: ["libc6-arm64-cross", "libgcc-s1-arm64-cross", "libstdc++6-arm64-cross"],
  },
} as const satisfies Record<Target["machine"], object>;

/** Those of `readelf -d node`, and what these need; libatomic is ours. */
const LIBRARIES = ["libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libstdc++.so.6"];

const GCC_LICENCE = { expression: "GPL-3.0-or-later WITH GCC-exception-3.1" };

const COMMON_LICENCES = ["GPL-3", "LGPL-2.1"];

/** Loader and libraries, in the first folder of every loader's search path. */
export function runtimeLibraries({ machine }: Target): InstalledFile[] {
  const { compiler, loader } = SOURCES[machine];
  const find = (name: string): string => {
    const path = execFileSync(compiler, [`-print-file-name=${name}`], { encoding: "utf8" }).trim();
    if (path === name) throw new Error(`${compiler} has no ${name}`);
    return realpathSync(path);
  };
  const libraries = LIBRARIES.map((name): InstalledFile => ({ path: `/lib/${name}`, mode: 0o755, from: find(name) }));
  return [...libraries, { path: loader, mode: 0o755, from: find(loader.replace(/.*\//, "")) }];
}

/** For the bill of materials: the Debian packages, whose versions name what is known to be vulnerable. */
export function runtimeComponents({ machine, debArchitecture }: Target): Component[] {
  return SOURCES[machine].packages.map((name) => {
    const [, version = ""] = execFileSync("dpkg-query", ["--show", name], { encoding: "utf8" }).trim().split("\t");
    const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${debArchitecture}`;
    const licence = name.startsWith("libc6") ? { license: { id: "LGPL-2.1-or-later" } } : GCC_LICENCE;
    return libraryComponent(name, purl, licence, version);
  });
}

/** Debian's copyright file of each package, and the licences that it names. */
export function runtimeLicences({ machine }: Target): [title: string, text: string][] {
  const { packages } = SOURCES[machine];
  return [
    ...packages.map((name): [string, string] => [
      `${name}, of Debian; its source is on sources.debian.org`,
      readFileSync(`/usr/share/doc/${name}/copyright`, "utf8"),
    ]),
    ...COMMON_LICENCES.map((name): [string, string] => [
      name,
      readFileSync(`/usr/share/common-licenses/${name}`, "utf8"),
    ]),
  ];
}
