/** The alerts and recorded series: Prometheus accepts them; each has cases (an alert one that fires and one that does not) and is documented. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DOCS, documentedMetrics, MONITORING, type Program } from "./documented-metrics.ts";
import { familyName } from "./exposition.ts";
import { hasPromtool, promtool, promtoolNote } from "./promtool.ts";

const FILES: readonly [file: string, program: Program, recorded: number][] = [
  ["ocir-broker", "ocir_broker", 4],
  ["ocir-pull-secrets", "ocir_pull_secrets", 0],
];
/** A release replaces this by the address of its documentation. */
const PLACEHOLDER = "https://ocir-broker.invalid";
/** Not of the daemon: test/system/install.test.ts and off-switch.test.ts read them. */
const OF_SCRIPTS = ["ocir_broker_install_failed", "ocir_broker_disabled"];
const operations = readFileSync(join(DOCS, "operations.md"), "utf8");

function alertsIn(rules: string): string[] {
  return rules.split("- alert: ").slice(1);
}

/** The first word. */
function nameOf(text: string): string {
  return /^\w+/.exec(text)?.[0] ?? "";
}

describe.each(FILES)("%s.rules.yaml", (file, program, recordedCount) => {
  const RULES = join(MONITORING, `${file}.rules.yaml`);
  const CASES = join(MONITORING, `${file}.rules.test.yaml`);
  const rules = readFileSync(RULES, "utf8");
  const alerts = alertsIn(rules);
  const alertNames = alerts.map(nameOf);
  const recorded = [...rules.matchAll(/- record: (\S+)/g)].map(([, name]) => name as string);

  it.skipIf(!hasPromtool)(`passes promtool check rules${promtoolNote}`, () => {
    expect(promtool(["check", "rules", RULES])).toMatchObject({ status: 0 });
  });

  it.skipIf(!hasPromtool)(`fires and stays silent as its test cases expect${promtoolNote}`, () => {
    const { status, output } = promtool(["test", "rules", CASES]);
    expect(output).toContain("SUCCESS");
    expect(status).toBe(0);
  });

  it("has a case that fires and a case that does not for each alert", () => {
    const cases = readFileSync(CASES, "utf8").split("alertname: ").slice(1);
    const names = (isSilent: boolean) =>
      cases.filter((text) => /exp_alerts: \[\]/.test(text) === isSilent).map((text) => nameOf(text));
    expect([...new Set(names(false))].sort()).toEqual([...alertNames].sort());
    expect([...new Set(names(true))].sort()).toEqual([...alertNames].sort());
  });

  it("has a case for each recorded series and for each query of docs/operations.md, which uses them all", () => {
    const expressions = [...readFileSync(CASES, "utf8").matchAll(/- expr: (.+)/g)].map(([, expression]) => expression);
    const documented = recordedCount === 0 ? [] : [...operations.matchAll(/`([^`]*avg_over_time[^`]*)`/g)];
    const queries = documented.map(([, query]) => query as string);
    expect(queries.filter((query) => !expressions.some((expression) => expression?.startsWith(query)))).toEqual([]);
    for (const name of recorded) {
      expect(expressions.filter((expression) => expression?.startsWith(name))).not.toEqual([]);
      expect(queries.filter((query) => query.includes(name))).not.toEqual([]);
    }
    expect(recorded).toHaveLength(recordedCount);
  });

  it("uses only metrics that exist", () => {
    const documented = documentedMetrics(program);
    const used = [...rules.matchAll(new RegExp(`(?<!:)\\b${program}_\\w+`, "g"))].map(([name]) =>
      familyName(name, documented),
    );
    expect(used.filter((name) => !documented.has(name) && !OF_SCRIPTS.includes(name))).toEqual([]);
  });

  it.each(alerts.map((text) => [nameOf(text), text]))(
    "states for %s the severity, the meaning and where to read on",
    (name, text) => {
      expect(text).toMatch(/severity: (?:critical|warning|info)\n/);
      expect(text).toMatch(/summary: ./);
      expect(text).toMatch(/description: ./);
      expect(text).toContain(`runbook_url: ${PLACEHOLDER}/docs/operations.md#${name.toLowerCase()}\n`);
    },
  );
});

it("has exactly one section in docs/operations.md for each alert", () => {
  const sections = [...operations.matchAll(/^### (Ocir\w+)$/gm)].map(([, name]) => name);
  const alerts = FILES.flatMap(([file]) => alertsIn(readFileSync(join(MONITORING, `${file}.rules.yaml`), "utf8")));
  expect(sections).toEqual(alerts.map(nameOf));
});
