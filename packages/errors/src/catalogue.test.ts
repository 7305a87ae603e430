import { expect, it } from "vitest";
import { ERROR_TABLE, ERROR_TABLES, errorRowOf } from "./catalogue.ts";

it("ERROR_TABLE joins tables that have a code in common only if they share its row, so no meaning hides another", () => {
  const rows = ERROR_TABLES.flatMap((table) => Object.entries(table));
  const hidden = rows.filter(([code, row]) => row !== errorRowOf(code).row);
  expect(hidden).toEqual([]);
  expect(new Set(rows.map(([code]) => code))).toEqual(new Set(Object.keys(ERROR_TABLE)));
});
