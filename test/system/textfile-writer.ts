/**
 * Replaces a metrics file with the daemon's own code as fast as possible, without its interval of 15 s, until it is killed.
 *
 * usage: node textfile-writer.ts FILE
 */
import { createSystemClock } from "@ocir-broker/foundation";
import { createLog } from "../../packages/broker/src/telemetry/log.ts";
import { createMetrics } from "../../packages/broker/src/telemetry/metrics.ts";
import { startTextfile } from "../../packages/broker/src/telemetry/textfile-exporter.ts";

const clock = createSystemClock();
const metrics = createMetrics({ clock, version: "0.0.0" });
startTextfile({
  path: process.argv[2] as string,
  clock: { ...clock, setTimer: (callback) => clock.setTimer(callback, 0) },
  log: createLog({ level: "info", environment: {} }),
  render() {
    metrics.requestServed("hit", 0.1);
    metrics.textfileRendered();
    return metrics.render();
  },
  onWritten: metrics.textfileWritten,
});
// Our clock's timers do not keep the process alive.
setInterval(() => {}, 1_000);
