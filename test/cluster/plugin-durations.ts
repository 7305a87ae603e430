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

/** The limit, in milliseconds, of the bucket with the call at this rank (0.99: of 100 calls, the 99th). */
export function quantileUpToMs({ calls, upToMs }: Durations, rank: number): number {
  return [...upToMs].find(([, within]) => within >= calls * rank)?.[0] ?? Number.POSITIVE_INFINITY;
}

/** Reads the metrics again and again until `calls` more were made, and returns the times of those seen one by one. */
export async function singleCallsMs(read: () => Promise<Durations>, calls: number): Promise<number[]> {
  const times: number[] = [];
  const first = await read();
  for (let before = first; before.calls < first.calls + calls; ) {
    const now = await read();
    if (now.calls === before.calls + 1) times.push(now.sumMs - before.sumMs);
    before = now;
  }
  return times.sort((a, b) => a - b);
}
