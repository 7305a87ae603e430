/** docs/reference/codes.md lists the catalogue of error codes for people. */
import { join } from "node:path";
import { it } from "vitest";
import { ERROR_CODES } from "../packages/cli/src/reference/error-codes.ts";
import { cell, expectTable } from "./documentation/generated-table.ts";

const PAGE = join(import.meta.dirname, "../docs/reference/codes.md");

it.each(Object.entries(ERROR_CODES))("codes.md explains every code of the %s", (program, codes) => {
  const rows = Object.entries(codes).map(([code, { what, next }]) => `| \`${code}\` | ${cell(what)} | ${cell(next)} |`);
  expectTable(PAGE, program, ["code", "what happened", "what to do next"], rows);
});
