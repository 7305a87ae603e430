/** The layout of the sources: no circle of folders, and the daemon is for `serve` alone. */
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";

const PACKAGES = join(import.meta.dirname, "../packages");
const SOURCES = globSync("*/src/**/*.ts", { cwd: PACKAGES }).filter((file) => !/\.(test|fuzz)\.ts$/.test(file));

it("folders of a package import each other in one direction", () => {
  expect(SOURCES.length).toBeGreaterThan(200);
  const above = new Map<string, Set<string>>();
  for (const file of SOURCES)
    for (const imported of relativeImportsOf(file))
      if (roomOf(imported) !== roomOf(file)) add(above, roomOf(file), roomOf(imported));
  expect([...above.keys()].flatMap((room) => circleFrom(room, above))).toEqual([]);
});

it("only ocir-broker serve imports the daemon", () => {
  const users = SOURCES.filter((file) => readFileSync(join(PACKAGES, file), "utf8").includes('"@ocir-broker/daemon'));
  expect(users).toEqual(["cli/src/commands/serve.ts"]);
});

function relativeImportsOf(file: string): string[] {
  const source = readFileSync(join(PACKAGES, file), "utf8");
  return [...source.matchAll(/(?:from|import\()\s*"(\.{1,2}\/[^"]+)"/g)].map(([, path = ""]) =>
    join(dirname(file), path),
  );
}

/** Its folder; a file beside the folders wires them, so it is a room of its own. */
function roomOf(file: string): string {
  const folder = dirname(file);
  return /^[^/]+\/src$/.test(folder) ? file : folder;
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  map.set(key, (map.get(key) ?? new Set()).add(value));
}

/** The rooms on the way from a room back to it. */
function circleFrom(room: string, above: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const seen = new Set<string>();
  const search = (at: string): boolean =>
    [...(above.get(at) ?? [])].some((next) => next === room || (!seen.has(next) && seen.add(next) && search(next)));
  return search(room) ? [room] : [];
}
