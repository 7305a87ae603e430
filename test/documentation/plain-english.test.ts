/** Pages and comments are plain technical English: no clause as a subject, none of the phrases that we have banned. */
import { globSync } from "node:fs";
import { expect, it } from "vitest";
import { CHECKOUT, PAGES, readPage } from "./pages.ts";

const PHRASES = /\b(?:to be had|is told|mends|anew|in its turn|of what is left|so much before)\b/i;
/** At the start of a line or a comment, unless a question. */
const CLAUSE_AS_SUBJECT = /^(?:Who|What|Whoever|Whatever|Where it|Where there) (?![^.|]*\?)/;
const MARKUP = /^[\s>*|-]*(?:\d+\. )?\**/;
const COMMENT = /(?:^\s*|\s)(?:\/\*\*?|\/\/|#(?!!)|\*) (.*)/;

const SOURCES = globSync(
  ["packages/*/{src,test}/**/*.{ts,c,h,sh}", "packages/installer/*.sh", "cloud-init/**/*.sh", "test/**/*.{ts,sh}"],
  { cwd: CHECKOUT },
).sort();

it.each(PAGES)("%s is plain English", (page) => {
  expect(faultsOf(page, (line) => line.replace(MARKUP, ""))).toEqual([]);
});

it.each(SOURCES)("the comments of %s are plain English", (source) => {
  expect(faultsOf(source, (line) => COMMENT.exec(line)?.[1] ?? "")).toEqual([]);
});

function faultsOf(path: string, prose: (line: string) => string): string[] {
  return readPage(path)
    .split("\n")
    .flatMap((line, index) => {
      const text = prose(line);
      return CLAUSE_AS_SUBJECT.test(text) || PHRASES.test(text) ? [`${path}:${index + 1}: ${text}`] : [];
    });
}
