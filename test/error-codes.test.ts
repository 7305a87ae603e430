/** docs/reference/codes.md lists the catalogue of error codes for people. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ERROR_CODES } from "../packages/cli/src/reference/error-codes.ts";

const PAGE = join(import.meta.dirname, "../docs/reference/codes.md");

it.each(Object.entries(ERROR_CODES))("codes.md explains every code of the %s", (program, codes) => {
  const rows = Object.entries(codes).map(([code, { what, next }]) => `| \`${code}\` | ${cell(what)} | ${cell(next)} |`);
  const table = `\n| code | what happened | what to do next |\n|---|---|---|\n${rows.join("\n")}\n\n`;
  const place = new RegExp(`(<!-- ${program}: .* -->\\n)([\\s\\S]*?)(<!-- end of ${program} -->)`);
  const page = readFileSync(PAGE, "utf8");
  if (process.env["UPDATE_REFERENCE"]) {
    writeFileSync(
      PAGE,
      page.replace(place, (_all, start, _old, end) => start + table + end),
    );
  }
  expect(place.exec(readFileSync(PAGE, "utf8"))?.[2]).toBe(table);
});

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("*", "\\*");
}
