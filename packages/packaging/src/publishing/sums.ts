/** SHA256SUMS: a line for each file of a release, in the format of `sha256sum -c`. */
import { hash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const SUMS = "SHA256SUMS";
export const SUMS_SIGNATURE = "SHA256SUMS.asc";

const NOT_LISTED: ReadonlySet<string> = new Set([SUMS, SUMS_SIGNATURE]);

/** SHA-256 of each file of a release, by name. */
function releaseSums(folder: string): Map<string, string> {
  const names = readdirSync(folder).filter((name) => !NOT_LISTED.has(name));
  return new Map(names.sort().map((name) => [name, sha256Of(join(folder, name))]));
}

/** @returns the listed names. */
export function writeSums(folder: string): string[] {
  const sums = releaseSums(folder);
  writeFileSync(join(folder, SUMS), textOf(sums));
  return [...sums.keys()];
}

/** @throws {Error} if there is no release, or a file was added, removed or changed since `writeSums`. */
export function checkSums(folder: string): void {
  if (!existsSync(join(folder, SUMS))) throw new Error(`there is no release in ${folder}: run npm run package first`);
  if (readFileSync(join(folder, SUMS), "utf8") === textOf(releaseSums(folder))) return;
  throw new Error(`the files in ${folder} differ from its ${SUMS}: make the release again`);
}

export function sha256Of(path: string): string {
  return hash("sha256", readFileSync(path));
}

function textOf(sums: ReadonlyMap<string, string>): string {
  return [...sums].map(([name, sum]) => `${sum}  ${name}\n`).join("");
}
