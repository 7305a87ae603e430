/** The executable: runs the command line, and says how a failure ends. */
import "./hang-up.ts";
import "./process-name.ts";
import { createProgram } from "./program.ts";

createProgram()
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`ocir-broker: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
