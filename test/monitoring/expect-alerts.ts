/** Which alerts fire for the metrics of a program that has run: promtool judges what Prometheus would have scraped. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect } from "vitest";
import { MONITORING, type Program } from "./documented-metrics.ts";
import { promtool } from "./promtool.ts";

const TARGET = 'job="node", instance="10.0.0.1:9100", node="here"';

export interface Scraped {
  /** The expositions, a minute apart; without one, nothing is scraped. */
  readonly scrapes: readonly string[];
  /** The Unix time of the first one, in seconds. In promtool, time starts at 0. */
  readonly startS?: number;
  /** Series of other programs, in promtool's form. */
  readonly others?: readonly { readonly series: string; readonly values: string }[];
}

/** Fails unless exactly these alerts have fired at some time. Needs promtool. */
export function expectAlerts(
  program: Program,
  { scrapes, startS = 0, others = [] }: Scraped,
  fired: readonly string[],
): void {
  const rules = join(MONITORING, `${program.replaceAll("_", "-")}.rules.yaml`);
  const used = new Set(readFileSync(rules, "utf8").match(/\bocir_\w+/g));
  const series = new Map<string, string[]>();
  for (const [minute, text] of scrapes.entries()) {
    for (const [, name = "", labels, value] of text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
      if (!used.has(name)) continue;
      const key = `${name}{${[TARGET, ...(labels ? [labels] : [])].join(", ")}}`;
      const values = series.get(key) ?? Array.from({ length: minute }, () => "_");
      const isTime = name.endsWith("_time_seconds") || name.endsWith("_timestamp_seconds");
      values.push(String(isTime && value !== "0" ? Number(value) - startS : value));
      series.set(key, values);
    }
    for (const values of series.values())
      if (values.length <= minute) values.push(/^(?:_|stale)$/.test(values.at(-1) ?? "") ? "_" : "stale");
  }
  const minutes = scrapes.length;
  const test = {
    interval: "1m",
    input_series: [
      { series: `up{${TARGET}}`, values: `1x${minutes}` },
      ...[...series].map(([key, values]) => ({ series: key, values: values.join(" ") })),
      ...others,
    ],
    promql_expr_test: [
      {
        expr: `group by (alertname) (last_over_time(ALERTS{alertstate="firing"}[${minutes}m]))`,
        eval_time: `${minutes}m`,
        exp_samples: fired.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 })),
      },
    ],
  };
  const file = join(temporaryFolder(), "alerts.json");
  writeFileSync(file, JSON.stringify({ rule_files: [rules], evaluation_interval: "1m", tests: [test] }));
  const { status, output } = promtool(["test", "rules", file]);
  expect(status, output).toBe(0);
}
