/** Sends one request to the daemon's credentials socket and reads the answer; the only place where a command asks it. */
import { request } from "node:http";
import { Socket } from "node:net";
import { BrokerError } from "@ocir-broker/broker";
import type { Clock } from "@ocir-broker/foundation";
import { CREDENTIALS_ROUTE, SHIM_DAEMON_MS } from "@ocir-broker/protocol";

export interface DaemonAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** The socket's path, or a connection to it. */
export type DaemonAddress = string | { readonly fd: number };

/**
 * @returns undefined if no daemon gave a whole answer.
 * @throws {BrokerError} `socket-denied` if this user may not connect.
 */
export function askDaemon(
  where: DaemonAddress,
  body: Buffer,
  clock: Clock,
  limitMs = SHIM_DAEMON_MS,
): Promise<DaemonAnswer | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<DaemonAnswer | undefined>();
  const headers = { "Content-Type": "application/json", "Content-Length": body.length };
  const to =
    typeof where === "string"
      ? { socketPath: where, agent: false as const }
      : { createConnection: () => new Socket({ ...where, readable: true, writable: true }) };
  const outgoing = request({ ...to, method: "POST", path: CREDENTIALS_ROUTE, headers });
  const limit = clock.setTimer(() => outgoing.destroy(), limitMs);
  outgoing.on("response", (incoming) => {
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(pieces) }));
    incoming.on("error", () => resolve(undefined));
  });
  outgoing.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EACCES") resolve(undefined);
    else reject(new BrokerError("socket-denied", `${String(where)}: this user may not connect`, { cause: error }));
  });
  outgoing.on("close", () => {
    limit.cancel();
    resolve(undefined);
  });
  outgoing.end(body);
  return promise;
}
