/** One file with the licences of all third-party content of the packages. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "../target.ts";
import type { BundledPackage } from "./bundled-packages.ts";

const RULE = "=".repeat(78);

export function licenceTexts(target: Target, nodePackage: string, packages: readonly BundledPackage[]): string {
  const library = join(import.meta.dirname, `../../files/${target.staticLibrary}-licence.txt`);
  const sections: [title: string, text: string][] = [
    ["Node.js, with what it contains", readFileSync(join(nodePackage, "LICENSE"), "utf8")],
    ["The C library inside of the static programs", readFileSync(library, "utf8")],
    ...packages.map(({ name, version, licence, licenceText }): [string, string] => [
      `${name} ${version} (${licence})`,
      licenceText,
    ]),
  ];
  return sections.map(([title, text]) => `${RULE}\n${title}\n${RULE}\n\n${text.trim()}\n`).join("\n");
}
