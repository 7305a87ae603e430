/**
 * The set to which each area adds its metrics. The output keeps the order in which they are added.
 *
 * Label values come from closed unions, and are never an image or an OCID. The only open label, the registry host, is bounded:
 * only hosts that are pinned or have answered get a value, so invented names in images cannot fill it.
 */
import { Counter, Gauge, type GaugeConfiguration, Histogram, type HistogramConfiguration, Registry } from "prom-client";

/** Stands for each registry host that has a label value, among the values of a counter's label. */
export const HOST = "host";

/** Registry hosts with their own label value; further hosts share one. */
const MAX_HOSTS = 64;
const OTHER = "other";

interface CounterDefinition<Label extends string> {
  readonly name: string;
  readonly help: string;
  /** Each label with all its values. */
  readonly labels: Readonly<Record<Label, readonly string[]>>;
}

export type MetricSet = ReturnType<typeof createMetricSet>;

export function createMetricSet() {
  const registry = new Registry();
  const registers = [registry];
  const hosts = new Set<string>();
  const starts: (() => void)[] = [];

  return {
    /** Its series exist from the start, because rate() misses the event that creates a counter. */
    counter<Label extends string>({ labels, ...definition }: CounterDefinition<Label>): Counter<Label> {
      const counter = new Counter<string>({ ...definition, labelNames: Object.keys(labels), registers });
      const start = () => {
        for (const series of seriesOf(labels, hosts)) counter.inc(series, 0);
      };
      start();
      starts.push(start);
      return counter;
    },
    gauge: <Label extends string>(definition: GaugeConfiguration<Label>) => new Gauge({ ...definition, registers }),
    histogram: <Label extends string>(definition: HistogramConfiguration<Label>) =>
      new Histogram({ ...definition, registers }),
    /** Gives a registry host its own label value, even if it never answers. */
    nameRegistry(registryHost: string): void {
      if (hosts.has(registryHost) || hosts.size >= MAX_HOSTS) return;
      hosts.add(registryHost);
      for (const start of starts) start();
    },
    registryLabel: (registryHost: string) => (hosts.has(registryHost) ? registryHost : OTHER),
    render: () => registry.metrics(),
  };
}

/** Every combination of the labels' values. */
function seriesOf(labels: CounterDefinition<string>["labels"], hosts: ReadonlySet<string>): Record<string, string>[] {
  let series: Record<string, string>[] = [{}];
  for (const [label, closed] of Object.entries(labels)) {
    const values = closed.flatMap((value) => (value === HOST ? [...hosts] : value));
    series = series.flatMap((one) => values.map((value) => ({ ...one, [label]: value })));
  }
  return series;
}
