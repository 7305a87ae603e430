/** Tables that are generated into pages, between the comments `<!-- NAME: … -->` and `<!-- end of NAME -->`. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";

/** UPDATE_REFERENCE=1 writes the table first. */
export function expectTable(page: string, name: string, titles: readonly string[], rows: readonly string[]): void {
  const head = `| ${titles.join(" | ")} |\n|${titles.map(() => "---|").join("")}`;
  const table = `\n${head}\n${rows.join("\n")}\n\n`;
  const place = new RegExp(`(<!-- ${name}: .* -->\\n)([\\s\\S]*?)(<!-- end of ${name} -->)`);
  if (process.env["UPDATE_REFERENCE"]) {
    const text = readFileSync(page, "utf8").replace(place, (_all, start, _old, end) => start + table + end);
    writeFileSync(page, text);
  }
  expect(place.exec(readFileSync(page, "utf8"))?.[2]).toBe(table);
}

/** Prose as the text of a cell. */
export function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("*", "\\*");
}
