/** Grafana accepts the dashboard, Prometheus its queries, and every metric in them exists. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Panel, readDashboard } from "./dashboard.ts";
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
  it("has an identity, the classic schema, and a choice of data source and node", () => {
    expect(uid).toBe("ocir-broker");
    expect(schemaVersion).toBeGreaterThanOrEqual(41);
    expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
      ["datasource", "datasource"],
      ["node", "query"],
    ]);
  });

  it("has panels with ids of their own, side by side on 24 columns", () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const panel of panels) {
      expect(panel.gridPos.x + panel.gridPos.w, panel.title).toBeLessThanOrEqual(24);
      expect(
        panels.filter((other) => other !== panel && isOverlapping(panel, other)).map(({ title }) => title),
      ).toEqual([]);
    }
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
    const directory = mkdtempSync(join(tmpdir(), "ocir-dashboard-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    // A file: not every version of promtool reads rules from its standard input.
    const file = join(directory, "rules.json");
    writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    const { status, output } = promtool(["check", "rules", file]);
    expect(output).toContain(`${queries.length} rules found`);
    expect(status).toBe(0);
  });
});

function isOverlapping({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
