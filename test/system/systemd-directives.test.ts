/** The documented directives are exactly those that the units use. Needs no systemd. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const CHECKOUT = join(import.meta.dirname, "../..");

it("docs/reference/systemd-directives.md lists exactly the directives that the units use", () => {
  const used = new Set<string>();
  for (const name of readdirSync(join(CHECKOUT, "systemd"), { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(service|socket)$/.test(name),
  )) {
    for (const line of readFileSync(join(CHECKOUT, "systemd", name), "utf8").split("\n")) {
      const directive = /^([A-Za-z]+)=/.exec(line)?.[1];
      if (directive !== undefined) used.add(directive);
    }
  }
  const [tables = ""] = readFileSync(join(CHECKOUT, "docs/reference/systemd-directives.md"), "utf8")
    .split("## Newer than 239")
    .slice(1);
  const [listed = ""] = tables.split("## Where a version behaves differently");
  const named = new Set<string>();
  for (const line of listed.split("\n")) {
    // Only a cell that starts with a directive is an entry; other cells may name directives too.
    const cells = line.startsWith("|") ? line.split("|").map((cell) => cell.trim()) : [line];
    const entries = line.startsWith("|") ? cells.filter((cell) => /^`[A-Za-z]+=`/.test(cell)) : cells;
    for (const [, directive] of entries.join(" ").matchAll(/`([A-Za-z]+)=`/g)) named.add(directive ?? "");
  }
  expect([...named].sort()).toEqual([...used].sort());
});
