/** The dashboard is not misleading: a dead daemon is not green, and a colour means the same in every panel. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit";
import { describe, expect, it } from "vitest";
import { type Panel, readDashboard } from "./dashboard.ts";
import { documentedMetrics } from "./documented-metrics.ts";
import { hasPromtool, promtool, promtoolNote } from "./promtool.ts";

const { panels } = readDashboard();
const charts = panels.filter(({ type }) => type === "timeseries");
const legendsOf = ({ targets = [] }: Panel) => targets.map(({ legendFormat }) => legendFormat);

describe("ocir-broker.dashboard.json", () => {
  it.skipIf(!hasPromtool)(`counts a daemon as dead by the age of its file, or if that has gone${promtoolNote}`, () => {
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
    const path = join(temporaryFolder(), "cases.json");
    const tests = [
      check(alive, "Nodes that cannot serve", 0),
      check([...alive, ...dead, ...gone], "Nodes that cannot serve", 2),
      check([...alive, ...dead], "Up since the last start", 1_200),
    ];
    writeFileSync(path, JSON.stringify({ tests }));
    expect(promtool(["test", "rules", path])).toMatchObject({ status: 0 });
  });

  it("gives each result and outcome a colour of its own, good ones no red and bad ones no green", () => {
    const documented = documentedMetrics();
    for (const { title, targets = [], fieldConfig } of charts) {
      const label = /^\{\{(outcome|result)\}\}$/.exec(String(targets[0]?.legendFormat))?.[1];
      const metric = /ocir_broker_\w+/.exec(String(targets[0]?.expr))?.[0];
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

  it("names a host or service alike wherever it is shown, and colours it by its name", () => {
    const ofHosts = charts.filter((panel) => legendsOf(panel).some((legend) => /registry|upstream/.test(legend)));
    expect(ofHosts).not.toHaveLength(0);
    for (const panel of ofHosts) {
      expect(legendsOf(panel).filter((legend) => !/^\{\{(?:registry|upstream)\}\}$/.test(legend))).toEqual([]);
      expect(panel.fieldConfig?.defaults.color?.mode, panel.title).toBe("palette-classic-by-name");
    }
  });
});
