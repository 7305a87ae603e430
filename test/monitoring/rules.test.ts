/** The alerts and recorded series: Prometheus accepts them; each has cases (an alert one that fires and one that does not) and is documented. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DOCS, documentedMetrics, MONITORING } from "./documented-metrics.ts";
import { familyName } from "./exposition.ts";
import { hasPromtool, promtool, promtoolNote } from "./promtool.ts";

const RULES = join(MONITORING, "ocir-broker.rules.yaml");
const CASES = join(MONITORING, "ocir-broker.rules.test.yaml");
/** A release replaces this by the address of its documentation. */
const PLACEHOLDER = "https://ocir-broker.invalid";
/** Not of the daemon: test/system/install.test.ts and off-switch.test.ts read them. */
const OF_SCRIPTS = ["ocir_broker_install_failed", "ocir_broker_disabled"];
const rules = readFileSync(RULES, "utf8");
const alerts = rules.split("- alert: ").slice(1);
const alertNames = alerts.map(nameOf);
const recorded = [...rules.matchAll(/- record: (\S+)/g)].map(([, name]) => name as string);

/** The first word. */
function nameOf(text: string): string {
  return /^\w+/.exec(text)?.[0] ?? "";
}

describe("ocir-broker.rules.yaml", () => {
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
    const operations = readFileSync(join(DOCS, "operations.md"), "utf8");
    const queries = [...operations.matchAll(/`([^`]*avg_over_time[^`]*)`/g)].map(([, query]) => query as string);
    expect(queries.filter((query) => !expressions.some((expression) => expression?.startsWith(query)))).toEqual([]);
    for (const name of recorded) {
      expect(expressions.filter((expression) => expression?.startsWith(name))).not.toEqual([]);
      expect(queries.filter((query) => query.includes(name))).not.toEqual([]);
    }
    expect(recorded).toHaveLength(4);
  });

  it("uses only metrics that exist", () => {
    const documented = documentedMetrics();
    const used = [...rules.matchAll(/(?<!:)\bocir_broker_\w+/g)].map(([name]) => familyName(name, documented));
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

  it("has exactly one section in docs/operations.md for each alert", () => {
    const operations = readFileSync(join(DOCS, "operations.md"), "utf8");
    const sections = [...operations.matchAll(/^### (OcirBroker\w+)$/gm)].map(([, name]) => name);
    expect(sections).toEqual(alertNames);
  });
});
