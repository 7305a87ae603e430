/** The layout of the broker's sources: its folders import downwards only. */
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";

const CHECKOUT = join(import.meta.dirname, "..");
const BROKER = join(CHECKOUT, "packages/broker/src");

/** From the bottom up: a room imports only rooms named before it. The files beside the rooms wire them together. */
const ROOMS = [
  "errors",
  "config",
  "tokens",
  "workloads",
  "access",
  "pulls",
  "telemetry",
  "health",
  "core",
  "http",
  "systemd",
  "handover",
] as const;

it("rooms of packages/broker/src import downwards only", () => {
  const files = globSync("*/**/*.ts", { cwd: BROKER }).filter((file) => !isTest(file));
  expect(files.length).toBeGreaterThan(30);
  expect(files.flatMap(upwardImportsOf).sort()).toEqual([]);
});

function upwardImportsOf(file: string): string[] {
  const source = readFileSync(join(BROKER, file), "utf8");
  const imported = [...source.matchAll(/(?:from|import\()\s*"(\.{1,2}\/[^"]+)"/g)].map(([, path = ""]) =>
    join(dirname(file), path),
  );
  return imported.filter((path) => heightOf(path) > heightOf(file)).map((path) => `${file} imports ${path}`);
}

/** Nothing may import a room that is not in the table. */
function heightOf(path: string): number {
  const place = ROOMS.findIndex((room) => path.startsWith(`${room}/`));
  return place === -1 ? ROOMS.length : place;
}

function isTest(file: string): boolean {
  return /\.(test|fuzz)\.ts$/.test(file);
}
