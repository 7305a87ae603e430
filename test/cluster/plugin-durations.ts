/** Histograms of the same calls: how long the kubelet waited for its plugin, and how long our daemon took to answer. */

export interface Durations {
  readonly calls: number;
  readonly sumMs: number;
  /** Number of calls that took at most this many milliseconds. */
  readonly upToMs: ReadonlyMap<number, number>;
}

/** @param metrics the kubelet's, in the exposition format. */
export function pluginDurations(metrics: string): Durations {
  return durationsOf(metrics, "kubelet_credential_provider_plugin_duration", "plugin_name=");
}

/** Responses from memory alone. @param metrics the daemon's. */
export function responseDurations(metrics: string): Durations {
  return durationsOf(metrics, "ocir_broker_request_duration_seconds", 'outcome="hit"');
}

function durationsOf(metrics: string, name: string, label: string): Durations {
  const value = (suffix: string) =>
    Number(new RegExp(`^${name}_${suffix}\\{.*${label}.*\\} (\\S+)$`, "m").exec(metrics)?.[1] ?? 0);
  const lines = metrics.split("\n").filter((line) => line.startsWith(`${name}_bucket{`) && line.includes(label));
  const buckets = lines.flatMap((line) => [...line.matchAll(/le="([\d.e-]+)".*\} (\d+)$/g)]);
  return {
    calls: value("count"),
    sumMs: value("sum") * 1_000,
    upToMs: new Map(buckets.map(([, limitS, calls]) => [Number(limitS) * 1_000, Number(calls)])),
  };
}

export function since(before: Durations, now: Durations): Durations {
  return {
    calls: now.calls - before.calls,
    sumMs: now.sumMs - before.sumMs,
    upToMs: new Map([...now.upToMs].map(([limitMs, calls]) => [limitMs, calls - (before.upToMs.get(limitMs) ?? 0)])),
  };
}

/** The limits of the histogram's buckets, for people. */
export function describeDurations({ calls, sumMs, upToMs }: Durations): string {
  const limitMs = (rank: number) =>
    [...upToMs].find(([, within]) => within >= calls * rank)?.[0] ?? Number.POSITIVE_INFINITY;
  return `${limitMs(0.5)} ms (half of ${calls}), ${limitMs(0.99)} ms (99 of 100), ${(sumMs / calls).toFixed(2)} ms (mean)`;
}
