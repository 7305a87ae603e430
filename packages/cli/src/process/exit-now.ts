/**
 * Exits even if getaddrinfo blocks a worker thread: a name look-up that hangs (ten seconds for each nameserver) cannot be
 * cancelled, and `process.exit` waits for its thread. An exec or a signal does not.
 */
import { accessSync, constants } from "node:fs";

/** Ends the process with the exit status that is set, whatever goes on in it. */
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
    // Then it ends once the look-up has.
  }
}
