/**
 * No pattern of the product takes more than linear time: a text from outside may have 100 kB, and one quadratic pattern then blocks
 * the daemon for seconds. A static checker (recheck) searches each pattern for an attack, so new patterns are tested too.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Expression, parseSync, Visitor } from "oxc-parser";
import { checkSync, type Diagnostics } from "recheck";
import { expect, it } from "vitest";

const PACKAGES = join(import.meta.dirname, "../../packages");
const NOT_SHIPPED = /\.(test|fuzz)\.ts$|^packaging\//;
/** For a value that is not a constant's text: it is fit for a literal, and for a number of repetitions. */
const STAND_IN = "9";

/** CPU time for an attack: of less than a millisecond if it fails, and of about a second if it succeeds. */
const SLOW_US = 100_000;

interface Pattern {
  readonly place: string;
  readonly source: string;
  readonly flags: string;
}

// recheck's part in JavaScript alone, on every machine.
process.env["RECHECK_SYNC_BACKEND"] = "pure";

it("each pattern of the product takes linear time", () => {
  const files = globSync("*/src/**/*.ts", { cwd: PACKAGES }).filter((file) => !NOT_SHIPPED.test(file));
  const constants = new Map<string, Expression>();
  const patterns = files.flatMap((file) => patternsIn(file, constants)).map((read) => read());
  expect(patterns.length).toBeGreaterThan(150);
  expect(patterns.filter(isSlow)).toEqual([]);
});

it.each([
  ["two ways through the same text", String.raw`^\s*(?:anonymous.*)?\s*$`],
  ["a failure at each start", String.raw`\s+$`],
  ["an exponential one", "^(?:a|b|ab)*$"],
])("%s is found", (_what, source) => {
  expect(isSlow({ place: "", source, flags: "" })).toBe(true);
});

/** They are read later, when the constants of all files are known. */
function patternsIn(file: string, constants: Map<string, Expression>): (() => Pattern)[] {
  const text = readFileSync(join(PACKAGES, file), "utf8");
  const found: (() => Pattern)[] = [];
  const placeOf = (start: number) => `${file}:${text.slice(0, start).split("\n").length}`;
  new Visitor({
    VariableDeclarator({ id, init }) {
      if (id.type === "Identifier" && init !== null) constants.set(id.name, init);
    },
    Literal(literal) {
      if (!("regex" in literal)) return;
      const { pattern, flags } = literal.regex;
      found.push(() => ({ place: placeOf(literal.start), source: pattern, flags }));
    },
    NewExpression({ callee, arguments: [source, flags], start }) {
      if (callee.type !== "Identifier" || callee.name !== "RegExp") return;
      found.push(() => ({
        place: placeOf(start),
        source: textOf(source as Expression, constants),
        flags: flags === undefined ? "" : textOf(flags as Expression, constants),
      }));
    },
  }).visit(parseSync(file, text).program);
  return found;
}

function textOf(node: Expression | undefined, constants: ReadonlyMap<string, Expression>): string {
  if (node?.type === "Literal" && typeof node.value === "string") return node.value;
  if (node?.type === "Identifier") return textOf(constants.get(node.name), constants);
  if (node?.type !== "TemplateLiteral") return STAND_IN;
  const values = node.expressions.map((expression) => textOf(expression, constants));
  return node.quasis.map(({ value }, index) => value.cooked + (values[index] ?? "")).join("");
}

function isSlow({ source, flags }: Pattern): boolean {
  const shortened = shorten(source);
  // Without a repetition that has no end, a pattern takes a limited number of steps at each character.
  if (!/[*+]|,\}/.test(shortened)) return false;
  const result: Diagnostics = checkSync(shortened, flags, { timeout: null });
  if (result.status !== "vulnerable") return result.status !== "safe";
  // For a pattern with a look-around, the checker guesses, and is sometimes wrong. An exponential one would run for hours.
  if (result.complexity.type === "exponential") return true;
  const start = process.cpuUsage();
  new RegExp(shortened, flags).test(result.attack.string);
  const { user } = process.cpuUsage(start);
  return user > SLOW_US;
}

/**
 * The same pattern with less work for the checker: words keep their first and last letter, and repetitions that end late never end,
 * unless a look-ahead limits the length.
 */
function shorten(source: string): string {
  const hasLookAhead = source.includes("(?=");
  return source.replace(
    /(?<kept>\[(?:\\.|[^\]\\])*\]|\\.)|\(\?<[A-Za-z]+>|\{(?<least>\d+),\d{2,}\}|(?<first>[A-Za-z])[A-Za-z]+(?=[A-Za-z])/g,
    (found, kept: string | undefined, least: string | undefined, first: string | undefined) => {
      if (least !== undefined) return hasLookAhead ? found : `{${Math.min(1, Number(least))},}`;
      return kept ?? first ?? "(";
    },
  );
}
