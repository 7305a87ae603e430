/** docs/troubleshooting.md has doctor's names and the catalogue's codes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DIAGNOSES } from "@ocir-broker/doctor";
import { RULES } from "@ocir-broker/kubelet-config";
import { expect, it } from "vitest";
import { ERROR_CODES } from "../packages/cli/src/reference/error-codes.ts";
import { cell, expectTables } from "./documentation/generated-table.ts";

const PAGE = join(import.meta.dirname, "../docs/troubleshooting.md");

it("troubleshooting.md explains every name of doctor's", async () => {
  const rows = Object.entries(DIAGNOSES)
    .filter(([, { verdict }]) => verdict !== "ok")
    .map(([name, row]) => `| \`${name}\` | ${cell(row.means)} | ${"fix" in row ? cell(row.fix) : ""} |`);
  await expectTables(PAGE, [{ name: "names", titles: ["name", "what it means", "how to fix it"], rows }]);
});

it("troubleshooting.md names nothing in its first columns that doctor does not say", () => {
  const rules = Object.keys(RULES).map((code) => `kubelet-config-${code}`);
  const codes = Object.values(ERROR_CODES).flatMap((table) => Object.keys(table));
  const known = new Set([...Object.keys(DIAGNOSES), ...rules, ...codes, "kubelet-config-…"]);
  const tables = readFileSync(PAGE, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| the "));
  const named = tables.flatMap((line) => {
    const [, first = "", second = ""] = line.split("|");
    return [...`${first.includes("-") ? first : second}`.matchAll(/`([a-z][a-z-]+-[a-z-…]+)`/g)].map(
      ([, name = ""]) => name,
    );
  });
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});
