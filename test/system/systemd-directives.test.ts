/** The documented directives are exactly those that the units use. Needs no systemd. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const CHECKOUT = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(CHECKOUT, path), "utf8");
const namesIn = (text: string, name: RegExp) => [...new Set([...text.matchAll(name)].map(([, found]) => found))].sort();

it("docs/reference/systemd-directives.md lists exactly the directives that the units use", () => {
  const units = globSync("systemd/**/*.{service,socket}", { cwd: CHECKOUT }).map(read).join("\n");
  const page = read("docs/reference/systemd-directives.md");
  const [, listed = ""] = /## Newer than 239(.*)## Where a version behaves differently/s.exec(page) ?? [];
  // Only a cell that starts with a directive is an entry; other cells may name directives too.
  const entries = listed.replace(/\|(?! *`[A-Za-z]+=`)[^|\n]*/g, "");
  expect(namesIn(entries, /`([A-Za-z]+)=`/g)).toEqual(namesIn(units, /^([A-Za-z]+)=/gm));
});
