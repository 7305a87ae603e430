/**
 * Reads the running daemon's environment, so that doctor uses the daemon's proxy settings and not those of a person's shell.
 * Only root can read it; its values may be secret and are never printed.
 */
import type { Clock } from "@ocir-broker/foundation";
import { createNodeFiles, textOf } from "./node-files.ts";
import { findService } from "./node-service.ts";
import { createRunProgram } from "./program-run.ts";

/** Undefined if the service does not run, or if this user cannot read it. Only the service's process counts: its proxy will see tokens. */
export async function readDaemonEnvironment(
  root: string,
  clock: Clock,
): Promise<Readonly<Record<string, string>> | undefined> {
  const files = createNodeFiles(root);
  const daemon = await findService("ocir-broker.service", files, createRunProgram(clock));
  const environment = daemon === undefined ? undefined : textOf(files.readText(`/proc/${daemon.pid}/environ`));
  return environment === undefined ? undefined : parseEnvironment(environment);
}

function parseEnvironment(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split("\0").flatMap((entry) => {
      const at = entry.indexOf("=");
      return at > 0 ? [[entry.slice(0, at), entry.slice(at + 1)]] : [];
    }),
  );
}
