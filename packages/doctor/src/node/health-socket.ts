/** One GET on the daemon's health socket, for root and its group. */
import { request } from "node:http";
import type { Clock } from "@ocir-broker/foundation";

export type HealthAnswer =
  | { readonly status: number; readonly body: string }
  /** `timeout`, or an errno code such as ENOENT, ECONNREFUSED. */
  | { readonly failure: string };

/** A daemon answers within a millisecond; beyond this limit it is stuck. */
const LIMIT_MS = 3_000;

const MAX_BODY_BYTES = 1024 * 1024;

export function askHealthSocket(socketPath: string, path: string, clock: Clock): Promise<HealthAnswer> {
  const { promise, resolve } = Promise.withResolvers<HealthAnswer>();
  const outgoing = request({ socketPath, path, agent: false, headers: { host: "localhost" } });
  const limit = clock.setTimer(() => {
    resolve({ failure: "timeout" });
    outgoing.destroy();
  }, LIMIT_MS);
  outgoing.on("response", (incoming) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    incoming.on("data", (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > MAX_BODY_BYTES) outgoing.destroy();
      else pieces.push(piece);
    });
    incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(pieces).toString() }));
    incoming.on("error", () => resolve({ failure: "ECONNRESET" }));
  });
  outgoing.on("error", (error: NodeJS.ErrnoException) => resolve({ failure: error.code ?? "EIO" }));
  outgoing.end();
  return promise.finally(() => limit.cancel());
}
