/** The executable: runs the command line, and says how a failure ends. */
import "./process/ignore-early-sighup.ts";
import "./clean-start.ts";
import "./process/process-name.ts";
import { reportFailure } from "./failure.ts";
import { createProgram } from "./program.ts";

createProgram().parseAsync().catch(reportFailure);
