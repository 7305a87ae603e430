/** Every command of every page is run by test/system/documentation.test.ts or is one of needs.ts, and every link leads somewhere. */
import { existsSync, globSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { isStart, UNRUN } from "./needs.ts";
import { CHECKOUT, documentedCommands, PAGES, readPage } from "./pages.ts";

describe("the pages", () => {
  it.each(PAGES)("%s: each command is run by a test, or needs what no test has", (page) => {
    const others = documentedCommands(page).filter(({ text, stage }) => text !== "" && stage === undefined);
    expect(others.map(({ place, text }) => `${place}: ${text}`)).toEqual([]);
  });

  it.each(PAGES)("%s: no command uses a name in /tmp that another user can create first", (page) => {
    const lines = documentedCommands(page).flatMap(({ text, unrun }) => [text, ...unrun]);
    expect(lines.filter((line) => /\/tmp\//.test(line))).toEqual([]);
  });

  it.each([...PAGES, "deploy/helm/ocir-broker/templates/NOTES.txt"])(
    "%s: no upgrade keeps the previous image",
    (page) => {
      expect(readPage(page)).not.toMatch(/helm upgrade .*--reuse-values/);
    },
  );

  it("use only stages that a system test runs", () => {
    const tests = globSync("test/system/*.test.ts", { cwd: CHECKOUT }).map((path) => readPage(path));
    const stages = new Set(PAGES.flatMap((page) => documentedCommands(page)).flatMap(({ stage }) => stage ?? []));
    expect(stages.size).toBe(6);
    expect([...stages].filter((stage) => !tests.some((text) => text.includes(`On("${stage}")`)))).toEqual([]);
  });

  it("use every row of needs.ts", () => {
    const unrun = PAGES.flatMap((page) => documentedCommands(page)).flatMap((command) => command.unrun);
    expect(UNRUN.filter((start) => !unrun.some((command) => isStart(start, command)))).toEqual([]);
  });

  it.each(PAGES)("%s: links lead to files and headings", (page) => {
    const links = [...readPage(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)/g)];
    const dead = links.filter(([, target = "", anchor]) => {
      const file = target === "" ? page : join(dirname(page), target);
      if (!existsSync(join(CHECKOUT, file))) return true;
      return (
        anchor !== undefined && !(statSync(join(CHECKOUT, file)).isFile() && anchorsOf(readPage(file)).has(anchor))
      );
    });
    expect(dead.map(([link]) => link)).toEqual([]);
  });
});

/** Anchors as GitHub generates them. */
function anchorsOf(markdown: string): Set<string> {
  return new Set(
    [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replaceAll(" ", "-"),
    ),
  );
}
