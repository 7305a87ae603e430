/** docs/reference/codes.md lists the catalogue of error codes for people. */
import { join } from "node:path";
import { it } from "vitest";
import { ERROR_CODES } from "../packages/cli/src/reference/error-codes.ts";
import { cell, expectTables } from "./documentation/generated-table.ts";

const PAGE = join(import.meta.dirname, "../docs/reference/codes.md");

it("codes.md explains every code", async () => {
  const tables = Object.entries(ERROR_CODES).map(([program, codes]) => ({
    name: program,
    titles: ["code", "what happened", "what to do next"],
    rows: Object.entries(codes).map(([code, { what, next }]) => `| \`${code}\` | ${cell(what)} | ${cell(next)} |`),
  }));
  await expectTables(PAGE, tables);
});
