/**
 * The environment of the daemon that runs. A person's shell may name a proxy that the service does not have, or the other
 * way round, and doctor is to see what the daemon sees. Only root may read it; its values may be secret and are never printed.
 */
import type { Clock } from "@ocir-broker/foundation";
import { createNodeFiles, textOf } from "./node-files.ts";
import { findService } from "./node-service.ts";
import { createRunProgram } from "./program-run.ts";

/** Undefined if the service does not run, or if this user may not look. No other process is believed: its proxy would get tokens. */
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
