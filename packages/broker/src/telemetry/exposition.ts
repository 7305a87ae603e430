/** Renders the metrics for the health socket and for the metrics file. Every rendering reads the health first. */
import { type Clock, settledWithin } from "@ocir-broker/foundation";
import type { Health } from "./health.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { startTextfile, type Textfile } from "./textfile-exporter.ts";

export interface Exposition {
  render(): Promise<string>;
  /** Starts to write the file. */
  startTextfile(path: string): void;
  /** Ends the file. Waits for a hanging disk no longer than 1 s. */
  close(): Promise<void>;
}

export interface ExpositionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly health: Health;
}

/** A hanging disk must not delay the stop. */
const TEXTFILE_STOP_MS = 1_000;

export function createExposition({ clock, log, metrics, health }: ExpositionOptions): Exposition {
  let textfile: Textfile | undefined;

  function render(): Promise<string> {
    metrics.read(health);
    return metrics.render();
  }

  return {
    render,
    startTextfile(path) {
      textfile = startTextfile({
        path,
        clock,
        log,
        render() {
          metrics.textfileRendered();
          return render();
        },
        onWritten: metrics.textfileWritten,
      });
    },
    async close() {
      if (textfile !== undefined) await settledWithin(textfile.close(), TEXTFILE_STOP_MS, clock);
    },
  };
}
