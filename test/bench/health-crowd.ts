/**
 * 200 concurrent health clients, as long as a file exists. Each connects, sends a request, reads the answer and closes; all
 * start again when the last has been answered or refused. Runs inside the node until it is killed.
 *
 * usage: node health-crowd.ts SOCKET WHILE_FILE
 */
import { existsSync } from "node:fs";
import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const CLIENTS = 200;
const LOOK_MS = 20;
const PATHS = ["/healthz", "/readyz", "/status", "/metrics"];

const [socketPath, whileFile] = process.argv.slice(2) as [string, string];
for (;;) {
  if (existsSync(whileFile)) {
    const asked = await Promise.all(Array.from({ length: CLIENTS }, (_, client) => ask(PATHS[client % PATHS.length])));
    process.stdout.write(`${asked.filter(Boolean).length} of ${CLIENTS} answered\n`);
  } else await sleep(LOOK_MS);
}

function ask(path = "/healthz"): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  get({ socketPath, path, agent: false }, (answer) => answer.resume().on("close", () => resolve(answer.complete))).on(
    "error",
    () => resolve(false),
  );
  return promise;
}
