/** The executable: runs the command line, and says how a failure ends. */
import "./hang-up.ts";
import "./clean-start.ts";
import "./process-name.ts";
import { reportFailure } from "./failure.ts";
import { createProgram } from "./program.ts";

createProgram().parseAsync().catch(reportFailure);
