/** docs/troubleshooting.md has doctor's names and the catalogue's codes. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DIAGNOSES } from "@ocir-broker/doctor";
import { RULES } from "@ocir-broker/kubelet-config";
import { expect, it } from "vitest";
import { ERROR_CODES } from "../packages/cli/src/reference/error-codes.ts";

const DOCS = join(import.meta.dirname, "../docs");
const PAGE = join(DOCS, "troubleshooting.md");

it("troubleshooting.md explains every name of doctor's", () => {
  const rows = Object.entries(DIAGNOSES)
    .filter(([, { verdict }]) => verdict !== "ok")
    .map(([name, row]) => `| \`${name}\` | ${cell(row.means)} | ${"fix" in row ? cell(row.fix) : ""} |`);
  expectTable("names", `\n| name | what it means | how to fix it |\n|---|---|---|\n${rows.join("\n")}\n\n`);
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

/** UPDATE_TROUBLESHOOTING rewrites the page first. */
function expectTable(name: string, table: string): void {
  const place = new RegExp(`(<!-- ${name}: .* -->\\n)([\\s\\S]*?)(<!-- end of ${name} -->)`);
  if (process.env["UPDATE_TROUBLESHOOTING"]) {
    writeFileSync(
      PAGE,
      readFileSync(PAGE, "utf8").replace(place, (_all, start, _old, end) => start + table + end),
    );
  }
  expect(place.exec(readFileSync(PAGE, "utf8"))?.[2]).toBe(table);
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("*", "\\*");
}
