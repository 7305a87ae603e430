/** Debian's packages whose versions determine a release's bytes, in addition to the commit and its lockfile. */
import { execFileSync } from "node:child_process";
import type { Release } from "./release.ts";

/** Compilers with what they link, packers, and base-files for the licences. */
const PACKAGES = [
  ...["binutils*", "gcc-[0-9]*", "libatomic1*", "libc6*", "libgcc-s1*", "libstdc++6*", "musl*", "qemu-user"],
  ...["base-files", "gzip", "make", "patchelf", "tar"],
];

/** One line for each package that is needed to reproduce the bytes. */
export function describeBuildTools({ version }: Release): string {
  const known = execFileSync("dpkg-query", ["--show", ...PACKAGES], { encoding: "utf8" })
    .trimEnd()
    .split("\n");
  // Others, which were removed or are only recommended, have no version.
  const installed = known.filter((line) => /\t\S/.test(line));
  const head = `# ocir-broker ${version} was made with these; the same commit and the same packages of Debian give the same bytes.`;
  return `${[head, ...installed.sort()].join("\n")}\n`;
}
