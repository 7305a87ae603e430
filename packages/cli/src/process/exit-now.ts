/**
 * Exits even if getaddrinfo blocks a worker thread. A name look-up that hangs (ten seconds for each nameserver) cannot be
 * cancelled, and `process.exit` waits for its thread; an exec or a signal does not.
 */
import { accessSync, constants } from "node:fs";

/** Ends the process with the exit status that is set, even with work in flight. */
export function exitNow(): never {
  if (hasPendingDnsLookup()) execTrueOrFalse(process.exitCode === 0 ? "true" : "false");
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
    // The process then ends after the look-up.
  }
}
