/**
 * Replaces a metrics file with the daemon's own code as fast as the disk takes it, until it is killed: its 15 s pass at
 * once here.
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
// A clock of ours keeps no process alive.
setInterval(() => {}, 1_000);
