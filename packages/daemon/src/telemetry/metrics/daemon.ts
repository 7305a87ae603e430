/** The daemon: its version, its start, whether it can serve, and its configuration. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { MetricSet } from "./metric-set.ts";

export function createDaemonMetrics({ gauge }: MetricSet, clock: Clock, version: string) {
  gauge({ name: "ocir_broker_build_info", help: "1, with the version.", labelNames: ["version"] }).set({ version }, 1);
  gauge({ name: "ocir_broker_start_time_seconds", help: "When the broker started, Unix time." }).set(
    clock.wallMs() / 1_000,
  );
  const ready = gauge({ name: "ocir_broker_ready", help: "1 while a token can be served." });

  const configValid = gauge({
    name: "ocir_broker_config_valid",
    help: "1 while the configuration file is valid and readable, or absent; else 0.",
  });

  return {
    read(isServing: boolean, isConfigValid: boolean): void {
      ready.set(isServing ? 1 : 0);
      configValid.set(isConfigValid ? 1 : 0);
    },
  };
}
