/**
 * Grafana accepts the dashboard, Prometheus its queries, and every metric in them exists. It is not misleading: a dead daemon is not
 * green, and a colour means the same in every panel.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import dashboard from "../../monitoring/ocir-broker.dashboard.json" with { type: "json" };
import { documentedMetrics } from "./documented-metrics.ts";
import { familyName } from "./exposition.ts";
import { hasPromtool, promtool, promtoolNote } from "./promtool.ts";

type Panel = (typeof panels)[number];

const { panels, templating, schemaVersion, uid } = dashboard;
const drawn = panels.filter(({ type }) => type !== "row");
const charts = panels.filter(({ type }) => type === "timeseries");
const legendsOf = ({ targets = [] }: Panel) => targets.map(({ legendFormat }) => legendFormat);
const queries = drawn.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const documented = new Map([...documentedMetrics(), ...documentedMetrics("ocir_pull_secrets")]);
const used = new Set(
  queries
    .flatMap((query) => query.match(/\bocir_(?:broker|pull_secrets)_\w+/g) ?? [])
    .map((name) => familyName(name, documented)),
);

describe("ocir-broker.dashboard.json", () => {
  it("has an identity, the classic schema, a choice of data source and node, and panels with unique ids", () => {
    expect(uid).toBe("ocir-broker");
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(schemaVersion).toBeGreaterThanOrEqual(41);
    expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
      ["datasource", "datasource"],
      ["node", "query"],
    ]);
  });

  it("explains every panel, and queries the chosen data source for the chosen nodes", () => {
    for (const { title, description, datasource, targets = [] } of drawn) {
      expect(description, title).toMatch(/\.$/);
      expect(datasource, title).toEqual({ type: "prometheus", uid: `\${datasource}` });
      expect(targets.length, title).toBeGreaterThan(0);
      for (const { expr } of targets) {
        expect(expr.match(/ocir_broker_\w+\{instance=~"\$node"/g) ?? []).toEqual(
          (expr.match(/ocir_broker_\w+/g) ?? []).map((name) => `${name}{instance=~"$node"`),
        );
      }
    }
  });

  it("shows every metric of docs/metrics.md, and no other", () => {
    expect([...used].sort()).toEqual([...documented.keys()].sort());
  });

  it.skipIf(!hasPromtool)(`uses PromQL that promtool accepts${promtoolNote}`, () => {
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

  it.skipIf(!hasPromtool)(`counts a daemon as dead when its file is old or missing${promtoolNote}`, () => {
    const query = (title: string) =>
      String(panels.find((panel) => panel.title === title)?.targets?.[0]?.expr).replaceAll("$node", ".+");
    const file = (node: string, values: string) => [
      { series: `ocir_broker_ready{job="n", instance="${node}"}`, values: values.replace(/^[\d.+]+/, "1+0") },
      { series: `ocir_broker_start_time_seconds{job="n", instance="${node}"}`, values: "0+0x20" },
      { series: `ocir_broker_textfile_timestamp_seconds{job="n", instance="${node}"}`, values },
    ];
    const check = (input: object[], title: string, value: number) => ({
      interval: "1m",
      input_series: input,
      promql_expr_test: [{ expr: query(title), eval_time: "20m", exp_samples: [{ labels: "{}", value }] }],
    });
    const [alive, dead, gone] = [file("alive", "0+60x20"), file("dead", "60+0x20"), file("gone", "0+60x8 _x12")];
    const cases = join(temporaryFolder(), "cases.json");
    const tests = [
      check(alive, "Nodes that cannot serve", 0),
      check([...alive, ...dead, ...gone], "Nodes that cannot serve", 2),
      check([...alive, ...dead], "Up since the last start", 1_200),
    ];
    writeFileSync(cases, JSON.stringify({ tests }));
    expect(promtool(["test", "rules", cases])).toMatchObject({ status: 0 });
  });

  it("gives each result and outcome its own colour, with no red for good and no green for bad ones", () => {
    for (const { title, targets = [], fieldConfig } of charts) {
      const label = /^\{\{(outcome|result)\}\}$/.exec(String(targets[0]?.legendFormat))?.[1];
      const metric = /ocir_(?:broker|pull_secrets)_\w+/.exec(String(targets[0]?.expr))?.[0];
      const values = documented.get(String(metric))?.labels.get(String(label)) ?? [];
      const overrides = fieldConfig?.overrides ?? [];
      const colours = new Map(overrides.map((each) => [each.matcher.options, each.properties[0]?.value.fixedColor]));
      expect(
        values.filter((value) => !colours.has(value)),
        title,
      ).toEqual([]);
      expect(new Set(colours.values()).size, title).toBe(colours.size);
      for (const [name, colour] of colours) {
        if (/error|fail|5xx/.test(name)) expect(`${title}, ${name}: ${colour}`).toMatch(/: (?:dark-)?(?:red|orange)$/);
        if (/hit|success$|2xx/.test(name)) expect(`${title}, ${name}: ${colour}`).not.toMatch(/red|orange/);
      }
    }
  });

  it("labels each host and service the same everywhere, and colours it by its name", () => {
    const ofHosts = charts.filter((panel) => legendsOf(panel).some((legend) => /registry|upstream/.test(legend)));
    expect(ofHosts).not.toHaveLength(0);
    for (const panel of ofHosts) {
      expect(legendsOf(panel).filter((legend) => !/^\{\{(?:registry|upstream)\}\}$/.test(legend))).toEqual([]);
      expect(panel.fieldConfig?.defaults.color?.mode, panel.title).toBe("palette-classic-by-name");
    }
  });
});
