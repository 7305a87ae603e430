/** The executable's entry: runs the command line, and reports a failure. */
import "./process/ignore-early-sighup.ts";
import "./clean-start.ts";
import "./process/process-name.ts";
import { reportFailure } from "./failure.ts";
import { endWithReader } from "./process/exit-now.ts";
import { createProgram } from "./program.ts";

// The daemon serves pulls without its log.
if (process.argv[2] !== "serve") endWithReader([process.stdout, process.stderr]);
createProgram().parseAsync().catch(reportFailure);
