/** Tables and lists that `npm run docs` writes into pages, between the comments `<!-- NAME: … -->` and `<!-- end of NAME -->`. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";

export interface Table {
  readonly name: string;
  /** None for a list. */
  readonly titles?: readonly string[];
  readonly rows: readonly string[];
}

export async function expectTables(page: string, tables: readonly Table[]): Promise<void> {
  await expect(tables.reduce(withTable, readFileSync(page, "utf8"))).toMatchFileSnapshot(page);
}

function withTable(page: string, { name, titles, rows }: Table): string {
  const head = titles === undefined ? [] : [`| ${titles.join(" | ")} |`, `|${"---|".repeat(titles.length)}`];
  const place = new RegExp(`(<!-- ${name}: .* -->\\n)[\\s\\S]*?(<!-- end of ${name} -->)`);
  expect(page).toMatch(place);
  return page.replace(place, (_all, start, end) => `${start}\n${[...head, ...rows].join("\n")}\n\n${end}`);
}
