/** Histograms of the same calls: how long the kubelet waited for its plugin, and how long our daemon took to answer. */

/** Number of calls that took at most this many milliseconds, for each bucket; of all calls, for infinity. */
export type Durations = ReadonlyMap<number, number>;

/** @param metrics the kubelet's, in the exposition format. */
export function pluginDurations(metrics: string): Durations {
  return durationsOf(metrics, "kubelet_credential_provider_plugin_duration", "plugin_name=");
}

/** Responses from memory alone. @param metrics the daemon's. */
export function responseDurations(metrics: string): Durations {
  return durationsOf(metrics, "ocir_broker_request_duration_seconds", 'outcome="hit"');
}

function durationsOf(metrics: string, name: string, label: string): Durations {
  const lines = metrics.split("\n").filter((line) => line.startsWith(`${name}_bucket{`) && line.includes(label));
  const buckets = lines.flatMap((line) => [...line.matchAll(/le="(\+Inf|[\d.e-]+)".*\} (\d+)$/g)]);
  const durations = new Map<number, number>();
  for (const [, limitS, calls] of buckets) {
    const limitMs = limitS === "+Inf" ? Number.POSITIVE_INFINITY : Number(limitS) * 1_000;
    durations.set(limitMs, (durations.get(limitMs) ?? 0) + Number(calls));
  }
  return durations;
}

/** The number of all calls. */
export function callsIn(durations: Durations): number {
  return durations.get(Number.POSITIVE_INFINITY) ?? 0;
}

export function since(before: Durations, now: Durations): Durations {
  return new Map([...now].map(([limitMs, calls]) => [limitMs, calls - (before.get(limitMs) ?? 0)]));
}

/** The limits of the histogram's buckets, for people. */
export function describeDurations(durations: Durations): string {
  const all = callsIn(durations);
  const limitMs = (rank: number) => [...durations].find(([, calls]) => calls >= all * rank)?.[0];
  return `${limitMs(0.5)} ms (half of ${all}), ${limitMs(0.99)} ms (99 of 100)`;
}
