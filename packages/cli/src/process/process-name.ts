/**
 * The process is called `ocir-broker` for `ps -C` and `pgrep`; Node names its main thread `node-MainThread`. Not by
 * `process.title`, which overwrites the arguments that `ps` and doctor read.
 */
import { writeFileSync } from "node:fs";

try {
  writeFileSync("/proc/self/comm", "ocir-broker");
} catch {
  // Without /proc the name stays Node's.
}
