/**
 * Names the process `ocir-broker` for `ps -C` and `pgrep`; Node names its main thread `node-MainThread`. Does not set
 * `process.title`, because that overwrites the arguments that `ps` and doctor read.
 */
import { writeFileSync } from "node:fs";

try {
  writeFileSync("/proc/self/comm", "ocir-broker");
} catch {
  // Without /proc the process keeps Node's name.
}
