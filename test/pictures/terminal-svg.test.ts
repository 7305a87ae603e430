/** Drawn as a terminal shows it; and the pictures in docs/ are not older than the words of the commands that they show. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DIAGNOSES } from "@ocir-broker/doctor";
import { describe, expect, it } from "vitest";
import { renderStatus } from "../../packages/cli/src/status-table.ts";
import { lastScreen, terminalSvg } from "./terminal-svg.ts";

const rowsIn = (svg: string): string[] =>
  [...svg.matchAll(/<text [^>]*preserve">(.*)<\/text>/g)].map(([, row = ""]) => row);

describe("terminalSvg", () => {
  it.each([
    ["text", "a  <b> & c", ["a  &lt;b&gt; &amp; c"]],
    ["colours", "\u001b[32mok\u001b[39m it works", ['<tspan fill="#7ee787">ok</tspan> it works']],
    [
      "a line that is wider than the terminal",
      `\u001b[31m${"x".repeat(125)}\u001b[39m`,
      ["x".repeat(124), "x"].map((text) => `<tspan fill="#ff7b72">${text}</tspan>`),
    ],
    ["an empty line", "a\n\nb", ["a", "b"]],
  ])("draws %s", (_what, screen, rows) => {
    expect(rowsIn(terminalSvg("command", screen))).toEqual(rows);
  });
});

describe("lastScreen", () => {
  it("is what a program that redraws shows at the end", () => {
    expect(lastScreen("\u001b[Hold\u001b[K\r\n\u001b[J\u001b[Hnew\u001b[K\r\nline\u001b[K\r\n\u001b[J")).toBe(
      "new\nline",
    );
  });
});

describe("docs/pictures", () => {
  const picture = (name: string) => readFileSync(join(import.meta.dirname, "../../docs/pictures", name), "utf8");
  const escaped = (text: string) => text.replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  it("shows doctor's findings as doctor words them", () => {
    const known = Object.entries(DIAGNOSES).map(([name, { verdict, means }]) =>
      escaped(verdict === "ok" ? means : `${name}: ${means}`),
    );
    // The service is named instead.
    const asWorded = (text: string) => text.replace(/^the (?:auth service|registry) can/, "the service can");
    const shown = rowsIn(picture("doctor.svg")).flatMap(
      (row) => /^<tspan[^>]*>\w+ +<\/tspan>(.*)/.exec(row)?.[1] ?? [],
    );
    expect(shown.length).toBeGreaterThan(10);
    expect(shown.filter((text) => !known.some((words) => asWorded(text).startsWith(words)))).toEqual([]);
  });

  it("shows the columns of status", () => {
    const session = { state: "fresh", kept: true, hits: 0, fetches: 0, failures: 0, lastFailure: null };
    const status = {
      version: "0",
      status: "ok",
      uptimeSeconds: 0,
      region: null,
      config: null,
      registries: {},
      session,
    };
    const [, , header = ""] = renderStatus(status as unknown as Parameters<typeof renderStatus>[0]).split("\n");
    const wordsOf = (row: string) => row.trim().split(/ {2,}/);
    expect(rowsIn(picture("status.svg")).map(wordsOf)).toContainEqual(wordsOf(header));
  });
});
