/**
 * The end of `.ci/run`: prints what ran, what did not and why, and ends with status 1 if that is red.
 * usage: node main.ts FOLDER GROUP...
 * The folder has vitest's report of each run in `RUN.json`, the status of its command in `RUN.status`, and, in `GROUP.lacks`, what kept
 * a group or a part of it from running. OCIR_BROKER_REQUIRE names the groups of which nothing may be left out.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { canBootSystemd } from "../system/systemd-root/can-boot-systemd.ts";
import { CAUSES, type Lack } from "./lacks.ts";
import { type Group, summarize, type TestCase } from "./summary.ts";

/** Of a group, if they have other names than itself. */
const RUNS: Readonly<Record<string, readonly string[]>> = { unit: ["test", "test-as-user"] };
/** What a report says of a test that ran; anything else is skipped. */
const RAN = ["passed", "failed"] as const;

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly ancestorTitles: readonly string[];
      readonly title: string;
    }[];
  }[];
}

const [folder = "", ...names] = process.argv.slice(2);
const { lines, isRed } = summarize(names.map(readGroup), {
  required: (process.env["OCIR_BROKER_REQUIRE"] ?? "").split(","),
  isInstalled: (program) => spawnSync("sh", ["-c", 'command -v "$0"', program]).status === 0,
});
for (const line of lines) console.log(line);
process.exitCode = isRed ? 1 : 0;

function readGroup(name: string): Group {
  const runs = RUNS[name] ?? [name];
  const statuses = runs.flatMap((run) => readLines(`${run}.status`).map(Number));
  // Everywhere, the tests with a systemd must run.
  const systemdLack = name === "system" ? canBootSystemd() : undefined;
  const lacks = readLines(`${name}.lacks`).map(readLack);
  return {
    name,
    hasTests: name !== "check",
    statuses,
    lacks: systemdLack === undefined ? lacks : [{ cause: "error", reason: systemdLack }, ...lacks],
    tests: runs.flatMap(readTests),
  };
}

function readLack(line: string): Lack {
  const space = line.indexOf(" ");
  const cause = CAUSES.find((each) => each === line.slice(0, space)) ?? "error";
  return { cause, reason: line.slice(space + 1) };
}

function readTests(run: string): TestCase[] {
  const path = join(folder, `${run}.json`);
  if (!existsSync(path)) return [];
  const { testResults }: Report = JSON.parse(readFileSync(path, "utf8"));
  const checkout = sharedFolder(testResults.map(({ name }) => name));
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = name.slice(checkout.length);
    const tests = assertionResults.map(
      (test): TestCase => ({
        file,
        titles: [...test.ancestorTitles, test.title],
        status: RAN.find((each) => each === test.status) ?? "skipped",
      }),
    );
    // A file that fails before its tests (a hook, an import) counts as one.
    const isBroken = status === "failed" && tests.every((test) => test.status !== "failed");
    return isBroken ? [...tests, { file, titles: [message], status: "failed" }] : tests;
  });
}

/** With the slash at its end. One run of the unit tests is in a copy of the checkout. */
function sharedFolder(paths: readonly string[]): string {
  const [first = "", ...others] = paths;
  const parts = first.split("/").slice(0, -1);
  while (!others.every((path) => path.startsWith(`${parts.join("/")}/`))) parts.pop();
  return `${parts.join("/")}/`;
}

function readLines(name: string): string[] {
  const path = join(folder, name);
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
}
