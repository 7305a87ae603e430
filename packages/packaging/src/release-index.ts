/** A release's INDEX.txt, from the one table of what is in a release, docs/release-files.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "./release.ts";

export const INDEX = "INDEX.txt";

const TABLE = join(CHECKOUT, "docs/release-files.md");
/** Not made before the index. */
const LATER = [INDEX, "SHA256SUMS"];

interface Row {
  readonly file: string;
  readonly use: string;
  readonly madeBy: string;
  /** The file of which this one is a signature; empty for other files. */
  readonly signatureOf: string;
}

/**
 * One line for each file that is there or that signing adds, except signatures of files that are not there.
 *
 * @throws {Error} for a file without a row.
 */
export function releaseIndex(names: readonly string[], version: string): string {
  const rows = rowsOf(readFileSync(TABLE, "utf8"));
  const unknown = names.find((name) => !rows.some(({ file }) => patternOf(file).test(name)));
  if (unknown !== undefined) throw new Error(`${unknown} is missing in ${TABLE}`);
  const there = [...LATER, ...names].sort();
  const lines = rows.flatMap(({ file, use, madeBy, signatureOf }) => {
    if (madeBy !== "npm run sign")
      return there.filter((name) => patternOf(file).test(name)).map((name) => lineOf(name, use));
    const isOfRelease = signatureOf === "" || there.includes(signatureOf.replace("VERSION", version));
    return isOfRelease ? [lineOf(file.replace("VERSION", version), `${use} (of a signed release)`)] : [];
  });
  return `ocir-broker ${version}: what each file of this release is for\n\n${lines.join("")}`;
}

function rowsOf(page: string): Row[] {
  return [...page.matchAll(/^\| (`.*) \|$/gm)].map(([, row = ""]) => {
    const [file = "", use = "", madeBy = "", , signatureOf = ""] = row.replaceAll("`", "").split(/ \| ?/);
    return { file, use, madeBy, signatureOf };
  });
}

/** Each packager writes a release candidate's version in its own form. */
function patternOf(file: string): RegExp {
  const escaped = file.replaceAll(".", "\\.").replace("VERSION", "[0-9][\\w.~+-]*");
  return new RegExp(`^${escaped.replace("ARCH", "[a-z0-9_]+")}$`);
}

function lineOf(name: string, purpose: string): string {
  return `  ${name.padEnd(42)} ${purpose}\n`;
}
