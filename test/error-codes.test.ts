/** docs/reference/codes.md lists the catalogue of error codes and findings, and docs/troubleshooting.md uses its names. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ERROR_TABLE } from "@ocir-broker/credentials/error-catalogue";
import { DIAGNOSES, type Diagnosis } from "@ocir-broker/doctor/diagnoses";
import type { ErrorRow } from "@ocir-broker/errors/error-row";
import { FILE_ERRORS } from "@ocir-broker/foundation/error-codes";
import { KUBELET_CONFIG_ERRORS } from "@ocir-broker/kubelet-config/kubelet-config-error";
import { RULES } from "@ocir-broker/kubelet-config/rules";
import { SHIM_ERRORS, type ShimErrorRow } from "@ocir-broker/protocol/error-codes";
import { expect, it } from "vitest";
import { COMMAND_ERRORS } from "../packages/cli/src/error-codes.ts";
import { PULL_SECRET_ERRORS } from "../packages/pull-secrets/src/error-codes.ts";
import { expectTables } from "./documentation/generated-table.ts";

const DOCS = join(import.meta.dirname, "../docs");

type Text = Pick<ErrorRow, "what" | "next">;

const textOf = ({ means, fix = "" }: Diagnosis): Text => ({ what: means, next: fix });

/** The plugin ends `what` with a path or a number. */
const PLUGIN = Object.entries<ShimErrorRow>(SHIM_ERRORS).map(([code, { what, detail, next }]) => [
  code,
  { what: detail === undefined ? what : `${what} …`, next },
]);

/** A finding with the verdict `ok` needs no explanation. */
const FINDINGS = Object.entries<Diagnosis>(DIAGNOSES).flatMap(([name, row]) =>
  row.verdict === "ok" ? [] : [[name, textOf(row)]],
);

/** By the program that reports them. `status` reports doctor's names for a daemon without a response. */
const ERROR_CODES: Readonly<Record<string, Readonly<Record<string, Text>>>> = {
  plugin: Object.fromEntries(PLUGIN),
  daemon: ERROR_TABLE,
  doctor: Object.fromEntries(FINDINGS),
  command: { ...COMMAND_ERRORS, ...FILE_ERRORS, ...KUBELET_CONFIG_ERRORS },
  controller: PULL_SECRET_ERRORS,
};

/** The page's list of a program's codes. */
const LIST_OF: Readonly<Record<string, string>> = {
  plugin: "plugin",
  daemon: "daemon, doctor",
  doctor: "daemon, doctor",
  command: "command",
  controller: "controller",
};

const NAMED = Object.entries(ERROR_CODES).flatMap(([program, codes]) =>
  Object.entries(codes).map(([name, { what, next }]) => ({ program, name, what, next })),
);

/** Values with Markdown's marks as code, because a node has the page as a file, from which operators copy. */
function plain(text: string): string {
  return text.replaceAll(/\[".*?"\]|"[^"]*<[^"]*"|Allow [^,;]*|<\w+>/g, "`$&`");
}

/** Advice of this many codes stands in one line with their names alone, because each program prints what happened. */
const MANY = 3;

/** First the lines of many codes, then a line for each other code. */
function rowsOf(codes: readonly (typeof NAMED)[number][]): string[] {
  const byAdvice = [...Map.groupBy(codes, ({ name, next }) => next || name).values()];
  const [many, few] = [byAdvice.filter(({ length }) => length >= MANY), byAdvice.filter(({ length }) => length < MANY)];
  return [
    ...many.map((group) => `- ${group.map(({ name }) => `\`${name}\``).join(", ")}: ${plain(group[0]?.next ?? "")}`),
    ...few
      .flat()
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, what, next }) => `- \`${name}\`: ${plain(what)}${next === "" ? "" : `; ${plain(next)}`}`),
  ];
}

it("codes.md explains every name once", async () => {
  const firsts = [...Map.groupBy(NAMED, ({ name }) => name).values()].flatMap(([first]) => first ?? []);
  const lists = Map.groupBy(
    firsts.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    ({ program }) => `${LIST_OF[program]}`,
  );
  const tables = [...lists].map(([name, codes]) => ({ name, rows: rowsOf(codes) }));
  await expectTables(join(DOCS, "reference/codes.md"), tables);
});

it("a name has one meaning and one fix, even when several programs report it", () => {
  const texts = Map.groupBy(NAMED, ({ name }) => name);
  const ambiguous = [...texts].filter(([, by]) => new Set(by.map(({ what, next }) => `${what}; ${next}`)).size > 1);
  expect(ambiguous.map(([name]) => name)).toEqual([]);
});

it("troubleshooting.md names only findings and codes in the catalogue", () => {
  const rules = Object.keys(RULES).map((code) => `kubelet-config-${code}`);
  const known = new Set([...rules, ...NAMED.map(({ name }) => name), "kubelet-config-…"]);
  const tables = readFileSync(join(DOCS, "troubleshooting.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| the "));
  const named = tables.flatMap((line) => {
    const [, first = "", second = ""] = line.split("|");
    return [...`${first.includes("-") ? first : second}`.matchAll(/`([a-z][a-z-]+-[a-z-…]+)`/g)].map(
      ([, name = ""]) => name,
    );
  });
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});
