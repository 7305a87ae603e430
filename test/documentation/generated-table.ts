/** Tables that `npm run docs` writes into pages, between the comments `<!-- NAME: … -->` and `<!-- end of NAME -->`. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";

export interface Table {
  readonly name: string;
  readonly titles: readonly string[];
  readonly rows: readonly string[];
}

export async function expectTables(page: string, tables: readonly Table[]): Promise<void> {
  await expect(tables.reduce(withTable, readFileSync(page, "utf8"))).toMatchFileSnapshot(page);
}

function withTable(page: string, { name, titles, rows }: Table): string {
  const head = `| ${titles.join(" | ")} |\n|${titles.map(() => "---|").join("")}`;
  const place = new RegExp(`(<!-- ${name}: .* -->\\n)[\\s\\S]*?(<!-- end of ${name} -->)`);
  expect(page).toMatch(place);
  return page.replace(place, (_all, start, end) => `${start}\n${head}\n${rows.join("\n")}\n\n${end}`);
}

/** Prose as the text of a cell. */
export function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("*", "\\*");
}
