/**
 * The end of a program that has said all it had to say. A look-up of a name that hangs (getaddrinfo, ten seconds for each
 * nameserver) cannot be broken off, and `process.exit` waits for its thread; an exec or a signal does not.
 */
import { accessSync, constants } from "node:fs";

/** Ends the process with the exit status that is set, whatever goes on in it. */
export function leave(): never {
  if (isHeldByLookUp()) become(process.exitCode === 0 ? "true" : "false");
  process.exit();
}

export function isHeldByLookUp(): boolean {
  return process.getActiveResourcesInfo().includes("GetAddrInfoReqWrap");
}

function become(name: "true" | "false"): void {
  const program = `/bin/${name}`;
  try {
    accessSync(program, constants.X_OK);
    process.execve?.(program, [name], {});
  } catch {
    // Then it ends once the look-up has.
  }
}
