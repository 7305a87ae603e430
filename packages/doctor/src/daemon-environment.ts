/**
 * The environment of the daemon that runs. A person's shell may name a proxy that the service does not have, or the other
 * way round, and doctor is to see what the daemon sees. Only root may read it; its values may be secret and are never printed.
 */
import { basename } from "node:path";
import { createNodeFiles, textOf } from "./node-files.ts";

/** Absent where no daemon runs, or where this user may not look. */
export function readDaemonEnvironment(root: string): Readonly<Record<string, string>> | undefined {
  const files = createNodeFiles(root);
  const processes = files.list("/proc");
  for (const pid of "value" in processes ? processes.value : []) {
    if (!/^[0-9]+$/.test(pid)) continue;
    const [program = "", command] = (textOf(files.readText(`/proc/${pid}/cmdline`)) ?? "").split("\0");
    if (basename(program) !== "ocir-broker" || command !== "serve") continue;
    const environment = textOf(files.readText(`/proc/${pid}/environ`));
    if (environment !== undefined) return parseEnvironment(environment);
  }
  return undefined;
}

function parseEnvironment(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split("\0").flatMap((entry) => {
      const at = entry.indexOf("=");
      return at > 0 ? [[entry.slice(0, at), entry.slice(at + 1)]] : [];
    }),
  );
}
