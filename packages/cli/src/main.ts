/** The executable's entry: runs the command line, and reports a failure. */
import "./process/ignore-early-sighup.ts";
import "./clean-start.ts";
import { writeFileSync } from "node:fs";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { reportFailure } from "./failure.ts";
import { outliveOutput } from "./process/lost-output.ts";
import { createProgram } from "./program.ts";

// For `ps -C` and `pgrep`; Node names its main thread `node-MainThread`. Not `process.title`, because that overwrites the arguments
// that `ps` and doctor read. Without /proc the process keeps Node's name.
resultIfAny(() => writeFileSync("/proc/self/comm", "ocir-broker"));
// The daemon's log has its own rules.
if (process.argv[2] !== "serve") outliveOutput();
createProgram().parseAsync().catch(reportFailure);
