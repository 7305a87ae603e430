/** One file with the licences of all third-party content of the packages. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "../target.ts";
import type { BundledPackage } from "./bundled-packages.ts";

const RULE = "=".repeat(78);

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
  const path = join(import.meta.dirname, `../../files/${staticLibrary}-licence.txt`);
  return ["The C library inside of the static programs", readFileSync(path, "utf8")];
}
