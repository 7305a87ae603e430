/** docs/troubleshooting.md is true: its names are doctor's, and its codes are those of shim and daemon. */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { DIAGNOSES } from "@ocir-broker/doctor";
import { RULES } from "@ocir-broker/kubelet-config";
import { expect, it } from "vitest";
import { ERROR_TABLE } from "../packages/broker/src/errors/catalogue.ts";

const DOCS = join(import.meta.dirname, "../docs");
const PAGE = join(DOCS, "troubleshooting.md");
const SHIM_SOURCES = join(import.meta.dirname, "../packages/native/src");

it("troubleshooting.md explains every name of doctor's", () => {
  const rows = Object.entries(DIAGNOSES)
    .filter(([, { verdict }]) => verdict !== "ok")
    .map(([name, row]) => `| \`${name}\` | ${cell(row.means)} | ${"fix" in row ? cell(row.fix) : ""} |`);
  expectTable("names", `\n| name | what it means | how to fix it |\n|---|---|---|\n${rows.join("\n")}\n\n`);
});

it("troubleshooting.md explains every code that shim and daemon can say", () => {
  const rows = [...codesOfShim(), ...codesOfDaemon()].map(
    ({ code, what, next }) => `| \`${code}\` | ${cell(what)} | ${cell(next)} |`,
  );
  expect(rows.length).toBeGreaterThan(80);
  expectTable("codes", `\n| code | what happened | what to do next |\n|---|---|---|\n${rows.join("\n")}\n\n`);
});

it("troubleshooting.md names nothing in its first columns that doctor does not say", () => {
  const rules = Object.keys(RULES).map((code) => `kubelet-config-${code}`);
  const codes = [...codesOfShim(), ...codesOfDaemon()].map(({ code }) => code);
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

interface Code {
  readonly code: string;
  readonly what: string;
  readonly next: string;
}

function codesOfDaemon(): Code[] {
  return Object.entries(ERROR_TABLE).map(([code, { what, next }]) => ({ code, what, next }));
}

/** Its error lines, as its source has them. */
function codesOfShim(): Code[] {
  const sources = globSync("**/*.{c,h}", { cwd: SHIM_SOURCES }).sort((a, b) => (basename(a) < basename(b) ? -1 : 1));
  const source = sources.map((name) => readFileSync(join(SHIM_SOURCES, name), "utf8")).join("");
  const macros = new Map([...source.matchAll(/#define (\w+) "(.*)"/g)].map(([, name, text]) => [name, text]));
  const textOf = (pieces: string): string =>
    pieces.replace(/\s*("[^"]*"|\w+)\s*/g, (_all, piece) =>
      piece[0] === '"' ? piece.slice(1, -1) : macros.get(piece),
    );
  const lines =
    /error_line_write\("([a-z-]+)",\s*((?:"[^"]*"|\w+|\s)+),\s*(NULL|\w+(?:\(.*?\)+)?),\s*((?:"[^"]*"|\w+|\s)+)\)/g;
  const codes = [...source.matchAll(lines)].map(([, code = "", what = "", subject, next = ""]) => ({
    code,
    what: subject === "NULL" ? textOf(what) : `${textOf(what)} …`,
    next: textOf(next),
  }));
  expect(codes).toHaveLength(source.match(/error_line_write\("/g)?.length ?? 0);
  return codes;
}

/** With UPDATE_TROUBLESHOOTING it is put there first. */
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
