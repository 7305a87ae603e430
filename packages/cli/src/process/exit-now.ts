/**
 * Ends a command by an exec, because `process.exit` waits for the process's other threads: for a name look-up that hangs (ten
 * seconds for each nameserver, and it cannot be cancelled), and on a busy machine, rarely, for a worker of V8 that never ends.
 */
import { accessSync, constants } from "node:fs";

/** Ends the process with the exit status that is set, even with work in flight. */
export function exitNow(): never {
  if (process.exitCode === 0) execTrueOrFalse("true");
  if (process.exitCode === 1) execTrueOrFalse("false");
  process.exit();
}

export function hasPendingDnsLookup(): boolean {
  return process.getActiveResourcesInfo().includes("GetAddrInfoReqWrap");
}

function execTrueOrFalse(name: "true" | "false"): void {
  const program = `/bin/${name}`;
  try {
    accessSync(program, constants.X_OK);
    process.execve?.(program, [name], {});
  } catch {
    // The process then ends after its other threads.
  }
}
