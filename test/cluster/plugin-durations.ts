/** The kubelet's histogram `kubelet_credential_provider_plugin_duration`: how long it waited for its plugins. */

export interface Durations {
  readonly calls: number;
  readonly sumMs: number;
  /** Calls that took no longer, by milliseconds. */
  readonly upToMs: ReadonlyMap<number, number>;
}

const NAME = "kubelet_credential_provider_plugin_duration";

/** @param metrics in the exposition format. */
export function pluginDurations(metrics: string): Durations {
  const value = (suffix: string) =>
    Number(new RegExp(`^${NAME}_${suffix}\\{.*\\} (\\S+)$`, "m").exec(metrics)?.[1] ?? 0);
  const buckets = [...metrics.matchAll(new RegExp(`^${NAME}_bucket\\{.*le="([\\d.]+)"\\} (\\d+)$`, "gm"))];
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
