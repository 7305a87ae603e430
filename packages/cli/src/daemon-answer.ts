/** Sends one request to the daemon's credentials socket and reads the answer; the only place where a command asks it. */
import { request } from "node:http";
import { BrokerError } from "@ocir-broker/broker";
import type { Clock } from "@ocir-broker/foundation";
import { CREDENTIALS_ROUTE, MAX_RESPONSE_BYTES, SHIM_CALL_MS } from "@ocir-broker/protocol";

export interface DaemonAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * @returns undefined if no daemon gave a whole answer of at most 64 KiB.
 * @throws {BrokerError} `socket-denied` if this user may not connect.
 */
export function askDaemon(socketPath: string, body: Buffer, clock: Clock): Promise<DaemonAnswer | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<DaemonAnswer | undefined>();
  const headers = { "Content-Type": "application/json", "Content-Length": body.length };
  const outgoing = request({ socketPath, agent: false, method: "POST", path: CREDENTIALS_ROUTE, headers });
  const limit = clock.setTimer(() => outgoing.destroy(), SHIM_CALL_MS);
  outgoing.on("response", (incoming) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    incoming.on("data", (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > MAX_RESPONSE_BYTES) outgoing.destroy();
      else pieces.push(piece);
    });
    incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(pieces) }));
    incoming.on("error", () => resolve(undefined));
  });
  outgoing.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EACCES") resolve(undefined);
    else reject(new BrokerError("socket-denied", `${socketPath}: this user may not connect`, { cause: error }));
  });
  outgoing.on("close", () => {
    limit.cancel();
    resolve(undefined);
  });
  outgoing.end(body);
  return promise;
}
