/**
 * A closed pipe or a full disk of the output ends the printing, not the work, and the exit status is that of the work: an
 * installation whose output is cut by `head -1` goes on to its end.
 */
import { commandError } from "../error-codes.ts";

/** A full disk gets one line on standard error. Nothing is said of a closed pipe: its reader has seen enough. */
export function outliveOutput(): void {
  let isReported = false;
  process.stderr.on("error", () => {});
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" || isReported) return;
    isReported = true;
    const { message } = commandError("output-failed", { place: "standard output", detail: String(error.code) });
    process.stderr.write(`ocir-broker: ${message}\n`);
    // A command that does more than print has set its own status, or sets it later.
    process.exitCode ??= 1;
  });
}
