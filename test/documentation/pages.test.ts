/** Every command of every page is run by test/system/documentation.test.ts or is marked, and every link leads somewhere. */
import { existsSync, globSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { isExcused, MARKS } from "./marks.ts";
import { CHECKOUT, documentedCommands, isRunnable, PAGES, readPage } from "./pages.ts";

/** Errors of the pages, with their places. */
function errorsOf(page: string): string[] {
  return documentedCommands(page).flatMap(({ place, text: command, stage, marked }) => {
    const others = marked.filter(({ line, mark }) => !isExcused(line, mark));
    const isMisused =
      others.some(({ line }) => isRunnable(line)) || (marked.length > 0 && others.length === marked.length);
    return [
      ...(command !== "" && stage === undefined ? [`${place}: neither run nor marked: ${command}`] : []),
      ...(isMisused ? [`${place}: the mark is for other commands: ${others.map(({ line }) => line).join("\n")}`] : []),
    ];
  });
}

describe("the pages", () => {
  it.each(PAGES)("%s: each command is run by a test or marked", (page) => {
    expect(errorsOf(page)).toEqual([]);
  });

  it.each(PAGES)("%s: no line of text begins with a mark, which Markdown would read as HTML", (page) => {
    expect(readPage(page)).not.toMatch(/^ *<!--[\w-]+-->./m);
  });

  it.each(PAGES)("%s: no command uses a name in /tmp that another user can create first", (page) => {
    const lines = documentedCommands(page).flatMap(({ text, marked }) => [text, ...marked.map(({ line }) => line)]);
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

  it("use every mark", () => {
    const used = new Set(
      PAGES.flatMap((page) => documentedCommands(page)).flatMap(({ marked }) => marked.map(({ mark }) => mark)),
    );
    expect(Object.keys(MARKS).filter((mark) => !used.has(mark))).toEqual([]);
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
