/** The executable's entry: runs the command line, and reports a failure. */
import "./process/ignore-early-sighup.ts";
import "./clean-start.ts";
import "./process/process-name.ts";
import { reportFailure } from "./failure.ts";
import { createProgram } from "./program.ts";

createProgram().parseAsync().catch(reportFailure);
