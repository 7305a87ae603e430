/** One file with the licences of all third-party content of the packages. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BundledPackage } from "./bundled-packages.ts";

const RULE = "=".repeat(78);

export type Section = readonly [title: string, text: string];

export function licenceTexts(
  nodePackage: string,
  libraries: readonly Section[],
  packages: readonly BundledPackage[],
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
