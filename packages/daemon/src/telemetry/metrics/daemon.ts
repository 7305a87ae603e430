/** The daemon: its version, its start, and whether it can serve. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { MetricSet } from "./metric-set.ts";

export function createDaemonMetrics({ gauge }: MetricSet, clock: Clock, version: string) {
  gauge({ name: "ocir_broker_build_info", help: "1, with the version.", labelNames: ["version"] }).set({ version }, 1);
  gauge({ name: "ocir_broker_start_time_seconds", help: "When the broker started, Unix time." }).set(
    clock.wallMs() / 1_000,
  );
  const ready = gauge({ name: "ocir_broker_ready", help: "1 while a token can be served." });

  return { read: (isServing: boolean) => ready.set(isServing ? 1 : 0) };
}
