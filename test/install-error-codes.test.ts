import { readFileSync } from "node:fs";
import { join } from "node:path";
import { INSTALL_ERROR_CODES } from "@ocir-broker/installer/install-error";
import { expect, it } from "vitest";

const PAGE = readFileSync(join(import.meta.dirname, "../docs/operations.md"), "utf8");

it("operations.md has a row for each code of ocir-broker node", () => {
  const cells = [...PAGE.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell = ""]) => cell);
  expect(INSTALL_ERROR_CODES.filter((code) => !cells.some((cell) => cell.includes(`\`${code}\``)))).toEqual([]);
});
