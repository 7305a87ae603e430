/** The daemon: its version, its start, whether it can serve, its configuration, its metrics file and its event loop. */
import { type Clock, untilNextMs } from "@ocir-broker/foundation/time/clock";
import { FETCH_RESULTS, type FetchResult } from "./fetches.ts";
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

/** Interval of the samples, as of the watchdog's pings, so that an idle daemon wakes once for both. */
const SAMPLE_MS = 5_000;
const BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

export function createEventLoopMetrics({ histogram }: MetricSet, clock: Clock) {
  const lagSeconds = histogram({
    name: "ocir_broker_event_loop_lag_seconds",
    help: "How late a timer fired, sampled every 5 s.",
    buckets: BUCKETS,
  });

  let timer = sample();
  function sample() {
    const nowMs = clock.monotonicMs();
    const delayMs = untilNextMs(SAMPLE_MS, nowMs);
    const dueMs = nowMs + delayMs;
    return clock.setTimer(() => {
      lagSeconds.observe(Math.max(clock.monotonicMs() - dueMs, 0) / 1_000);
      timer = sample();
    }, delayMs);
  }
  return { close: () => timer.cancel() };
}

export function createTextfileMetrics({ counter, gauge }: MetricSet, clock: Clock) {
  const writes = counter({
    name: "ocir_broker_textfile_writes_total",
    help: "Attempts at replacing the metrics file by result (success, failure).",
    labels: { result: FETCH_RESULTS },
  });
  const time = gauge({
    name: "ocir_broker_textfile_timestamp_seconds",
    help: "When the metrics file was last written, Unix time; 0 before the first.",
  });
  let writtenAtSeconds = 0;

  return {
    /** The metrics file is about to be rendered, with the current time in it. */
    rendered: () => time.set(clock.wallMs() / 1_000),
    written(result: FetchResult): void {
      writes.inc({ result });
      if (result === "success") writtenAtSeconds = clock.wallMs() / 1_000;
      time.set(writtenAtSeconds);
    },
  };
}
