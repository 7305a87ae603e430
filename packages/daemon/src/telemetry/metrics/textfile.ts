/** The metrics file. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { FETCH_RESULTS, type FetchResult } from "./fetch-labels.ts";
import type { MetricSet } from "./metric-set.ts";

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
