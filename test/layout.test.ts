/** The layout of the sources: no circle of folders, the daemon is for `serve` alone, and the map of the packages is true. */
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

it("docs/architecture.md draws each package, with arrows to what it imports", () => {
  const page = readFileSync(join(PACKAGES, "../docs/architecture.md"), "utf8");
  const [, map = ""] = /```mermaid\n(.*?)```/s.exec(page) ?? [];
  const drawn = new Map(
    [...map.matchAll(/^ {2}([\w-]+)\["\1: .+"\](?: --> (.+))?$/gm)].map(([, name = "", targets]) => [
      name,
      new Set(targets?.split(" & ")),
    ]),
  );
  const real = new Map(globSync("*/package.json", { cwd: PACKAGES }).map((file) => [dirname(file), importsOf(file)]));
  expect(reachableIn(drawn)).toEqual(reachableIn(real));
});

/** The packages of ours that a package declares, which turbo boundaries compares with its imports. */
function importsOf(file: string): Set<string> {
  const { dependencies = {} } = JSON.parse(readFileSync(join(PACKAGES, file), "utf8"));
  const ours = Object.keys(dependencies).filter((name) => name.startsWith("@ocir-broker/"));
  return new Set(ours.map((name) => name.replace("@ocir-broker/", "")));
}

/** Each package with all that it imports, directly or through others. */
function reachableIn(map: ReadonlyMap<string, ReadonlySet<string>>): Record<string, string[]> {
  const from = (name: string): string[] => [...(map.get(name) ?? [])].flatMap((next) => [next, ...from(next)]);
  return Object.fromEntries([...map.keys()].sort().map((name) => [name, [...new Set(from(name))].sort()]));
}

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
