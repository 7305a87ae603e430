/** Grafana accepts the dashboard, Prometheus its queries, and every metric in them exists. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit";
import { describe, expect, it } from "vitest";
import { readDashboard } from "./dashboard.ts";
import { documentedMetrics } from "./documented-metrics.ts";
import { familyName } from "./exposition.ts";
import { hasPromtool, promtool, promtoolNote } from "./promtool.ts";

const { panels, templating, schemaVersion, uid } = readDashboard();
const drawn = panels.filter(({ type }) => type !== "row");
const queries = drawn.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const documented = documentedMetrics();
const used = new Set(
  queries.flatMap((query) => query.match(/\bocir_broker_\w+/g) ?? []).map((name) => familyName(name, documented)),
);

describe("ocir-broker.dashboard.json", () => {
  it("has an identity, the classic schema, a choice of data source and node, and panels with ids of their own", () => {
    expect(uid).toBe("ocir-broker");
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(schemaVersion).toBeGreaterThanOrEqual(41);
    expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
      ["datasource", "datasource"],
      ["node", "query"],
    ]);
  });

  it("explains every panel, and asks the chosen data source about the chosen nodes", () => {
    for (const { title, description, datasource, targets = [] } of drawn) {
      expect(description, title).toMatch(/\.$/);
      expect(datasource, title).toEqual({ type: "prometheus", uid: `\${datasource}` });
      expect(targets.length, title).toBeGreaterThan(0);
      for (const { expr } of targets) {
        expect(expr.match(/ocir_broker_\w+\{instance=~"\$node"/g)).toEqual(
          expr.match(/ocir_broker_\w+/g)?.map((name) => `${name}{instance=~"$node"`),
        );
      }
    }
  });

  it("shows every metric of docs/metrics.md, and no other", () => {
    expect([...used].sort()).toEqual([...documented.keys()].sort());
  });

  it.skipIf(!hasPromtool)(`asks in PromQL that promtool understands${promtoolNote}`, () => {
    const rules = queries.map((query, index) => ({
      record: `panel:${index}`,
      expr: query.replaceAll("$__rate_interval", "1m").replaceAll("$__range", "1h"),
    }));
    // A file: not every version of promtool reads rules from its standard input.
    const file = join(temporaryFolder(), "rules.json");
    writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    const { status, output } = promtool(["check", "rules", file]);
    expect(output).toContain(`${queries.length} rules found`);
    expect(status).toBe(0);
  });
});
