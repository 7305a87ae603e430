/** One file with the licences of all third-party content of the packages. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "../target.ts";
import type { BundledPackage } from "./bundled-packages.ts";

const RULE = "=".repeat(78);

/** Of Debian, on which packages are made. */
export const LGPL = "/usr/share/common-licenses/LGPL-2.1";
const ABOUT_GLIBC = `GNU C Library, LGPL-2.1-or-later. https://www.gnu.org/software/libc/

Parts of it are linked into the three small programs. Their whole source and Makefile, to link them with another version
of it, are in packages/native of this release.
`;

type Section = [title: string, text: string];

/** @param libraries default: the C library inside of the static programs. */
export function licenceTexts(
  target: Target,
  nodePackage: string,
  packages: readonly BundledPackage[],
  libraries: readonly Section[] = [staticLibraryLicence(target)],
): string {
  const sections: Section[] = [
    ["Node.js, with what it contains", readFileSync(join(nodePackage, "LICENSE"), "utf8")],
    ...libraries,
    ...packages.map(
      ({ name, version, licence, licenceText }): Section => [`${name} ${version} (${licence})`, licenceText],
    ),
  ];
  return sections.map(([title, text]) => `${RULE}\n${title}\n${RULE}\n\n${text.trim()}\n`).join("\n");
}

function staticLibraryLicence({ staticLibrary }: Target): Section {
  const title = "The C library inside of the static programs";
  if (staticLibrary === "glibc") return [title, `${ABOUT_GLIBC}\n${readFileSync(LGPL, "utf8")}`];
  return [title, readFileSync(join(import.meta.dirname, "../../files/musl-licence.txt"), "utf8")];
}
