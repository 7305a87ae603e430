/** The event loop's lag. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { MetricSet } from "./metric-set.ts";

/** Interval of the samples; at 10 ms the sampling caused most of the idle CPU time. */
const SAMPLE_MS = 1_000;
const BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

export function createEventLoopMetrics({ histogram }: MetricSet, clock: Clock) {
  const lagSeconds = histogram({
    name: "ocir_broker_event_loop_lag_seconds",
    help: "How late a timer of one second fired.",
    buckets: BUCKETS,
  });

  let timer = sample();
  function sample() {
    const dueMs = clock.monotonicMs() + SAMPLE_MS;
    return clock.setTimer(() => {
      lagSeconds.observe(Math.max(clock.monotonicMs() - dueMs, 0) / 1_000);
      timer = sample();
    }, SAMPLE_MS);
  }
  return { close: () => timer.cancel() };
}
