/** The event loop's lag. */
import { type Clock, untilNextMs } from "@ocir-broker/foundation/time/clock";
import type { MetricSet } from "./metric-set.ts";

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
