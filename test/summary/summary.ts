/**
 * What a whole run comes to: which groups of tests ran, what did not run and why, and whether the run is red. The last line of its text
 * counts the tests. Reads nothing and prints nothing.
 */
import { CHOICES, type Lack } from "./lacks.ts";

/** At the end of a skipped test's title, or of the title around it: " (skipped: needs go (golang))" or "(…, skipped: needs clang)". */
const REASON = / \(skipped: (.*)\)$|, skipped: (.*)(?=\)$)/;
const NO_REASON = "no reason is given";
const RED_LACKS: readonly Lack["cause"][] = ["error"];

export interface TestCase {
  /** In the checkout. */
  readonly file: string;
  /** Of the test, after those around it. */
  readonly titles: readonly string[];
  readonly status: "passed" | "failed" | "skipped";
}

export interface Group {
  readonly name: string;
  readonly hasTests: boolean;
  /** Of the commands that ran its tests. */
  readonly statuses: readonly number[];
  readonly lacks: readonly Lack[];
  readonly tests: readonly TestCase[];
}

interface Options {
  /** What this machine lacks is red in these groups too. */
  readonly required: readonly string[];
  readonly isInstalled: (program: string) => boolean;
}

interface Finding {
  readonly reason: string;
  readonly isRed: boolean;
  /** Of tests; 0 if it is about the whole group. */
  readonly tests: number;
}

export function summarize(
  groups: readonly Group[],
  options: Options,
): { readonly lines: string[]; readonly isRed: boolean } {
  const tests = groups.flatMap((group) => group.tests);
  const count = (status: TestCase["status"]) => tests.filter((test) => test.status === status).length;
  const findings = groups.map((group) => findingsOf(group, options));
  // A run that is red never counts 0 failures.
  const failed = count("failed") + findings.flat().filter(({ isRed }) => isRed).length;
  return {
    lines: [
      ...tests.flatMap((test) => (test.status === "failed" ? [`failed: ${nameOf(test)}`] : [])),
      ...groups.map((group, index) => describeGroup(group, findings[index] ?? [])),
      `${count("passed")} passed, ${failed} failed, ${count("skipped")} skipped`,
    ],
    isRed: failed > 0,
  };
}

function findingsOf(group: Group, options: Options): Finding[] {
  const isRequired = options.required.includes(group.name);
  const lacks = group.lacks.map(({ cause, reason }) => ({
    reason,
    isRed: RED_LACKS.includes(cause) || (isRequired && cause !== "choice"),
    tests: 0,
  }));
  const skipped = [...Map.groupBy(reasonsOf(group), (reason) => reason)].map(([reason, tests]) => {
    const unused = programsIn(reason).filter(options.isInstalled);
    const isUnused = unused.length > 0 && unused.length === programsIn(reason).length;
    return {
      reason: isUnused ? `${reason}, which is installed and was not used` : reason,
      isRed: isUnused || (isRequired && !CHOICES.includes(reason)),
      tests: tests.length,
    };
  });
  const findings = [...lacks, ...skipped, ...unexplained(group, lacks)];
  return findings.sort((a, b) => Number(b.isRed) - Number(a.isRed));
}

/** A command that failed although none of its tests did, and a group of which nobody says why it did not run. */
function unexplained(group: Group, lacks: readonly Finding[]): Finding[] {
  const red = (reason: string) => [{ reason, isRed: true, tests: 0 }];
  const hasFailed = group.tests.some(({ status }) => status === "failed");
  const status = group.statuses.find((each) => each !== 0);
  const isExplained = hasFailed || lacks.some(({ isRed }) => isRed) || (lacks.length > 0 && group.tests.length === 0);
  if (status !== undefined && !isExplained) return red(`ended with status ${status}`);
  if (group.statuses.length === 0 && lacks.length === 0) return red("was not started");
  if (status === undefined && group.hasTests && group.tests.length === 0 && lacks.length === 0)
    return red("has no test");
  return [];
}

/** Of each test that no run of the group ran. */
function reasonsOf({ tests }: Group): string[] {
  const skipped = tests.filter(({ status }) => status === "skipped");
  const ran = new Set(tests.filter(({ status }) => status !== "skipped").map(nameOf));
  const reasons = new Map(skipped.map((test) => [nameOf(test), reasonOf(test)]));
  return [...reasons].flatMap(([name, reason]) => (ran.has(name) ? [] : reason));
}

/** The same whether it ran or was skipped. */
function nameOf({ file, titles }: TestCase): string {
  return `${file}: ${titles.map((title) => title.replace(REASON, "")).join(" > ")}`;
}

function reasonOf({ titles }: TestCase): string {
  const [, alone, inBrackets] = titles.map((title) => REASON.exec(title)).find((found) => found !== null) ?? [];
  return alone ?? inBrackets ?? NO_REASON;
}

/** Those of "needs skopeo, docker-registry" and "needs go (golang)"; none of "needs control groups of version 1". */
function programsIn(reason: string): string[] {
  const [, names] = /^needs ([\w.+-]+(?:, [\w.+-]+)*)(?: \(.*\))?$/.exec(reason) ?? [];
  return names?.split(", ") ?? [];
}

function describeGroup({ name, hasTests, tests, statuses }: Group, findings: readonly Finding[]): string {
  const ran = tests.filter(({ status }) => status !== "skipped").length;
  const result = statuses.every((status) => status === 0) ? "passed" : "failed";
  const what = !hasTests ? result : ran === 0 ? "did not run" : `tests run: ${ran}`;
  const [red, others] = [true, false].map((isRed) =>
    findings
      .filter((finding) => finding.isRed === isRed)
      .map(({ reason, tests: count }) => (count > 0 ? `${reason} (${count} skipped)` : reason)),
  );
  const parts = [red?.length ? `RED: ${red.join("; ")}` : [], others?.length ? `not run: ${others.join("; ")}` : []];
  return [`${name}: ${what}`, ...parts.flat()].join("; ");
}
