/** One request to a socket of the daemon, with a bounded response. */
import { type RequestOptions, request } from "node:http";
import type { Clock } from "@ocir-broker/foundation/time/clock";

export type SocketResponse =
  | { readonly status: number; readonly body: Buffer }
  /** `timeout`, or an errno code such as ENOENT, ECONNREFUSED. */
  | { readonly failure: string };

interface SocketRequest extends Pick<RequestOptions, "method" | "headers"> {
  readonly socketPath: string;
  readonly path: string;
  readonly body?: Buffer;
  readonly maxBytes: number;
  readonly limitMs: number;
}

/** A daemon responds within a millisecond; beyond this limit it is stuck. */
const HEALTH_LIMIT_MS = 3_000;

const MAX_HEALTH_BYTES = 1024 * 1024;

/** One GET on the daemon's health socket, for root and its group. */
export function askHealthSocket(socketPath: string, path: string, clock: Clock): Promise<SocketResponse> {
  return askSocket({ socketPath, path, maxBytes: MAX_HEALTH_BYTES, limitMs: HEALTH_LIMIT_MS }, clock);
}

export function askSocket(asked: SocketRequest, clock: Clock): Promise<SocketResponse> {
  const { body, maxBytes, limitMs, ...options } = asked;
  const { promise, resolve } = Promise.withResolvers<SocketResponse>();
  const outgoing = request({ ...options, agent: false });
  const limit = clock.setTimer(() => {
    resolve({ failure: "timeout" });
    outgoing.destroy();
  }, limitMs);
  outgoing.on("response", (incoming) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    incoming.on("data", (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > maxBytes) outgoing.destroy();
      else pieces.push(piece);
    });
    const broken = { failure: "ECONNRESET" };
    // The piece that is too much may be the last one, and then the response ends all the same.
    incoming.on("end", () =>
      resolve(bytes > maxBytes ? broken : { status: incoming.statusCode ?? 0, body: Buffer.concat(pieces) }),
    );
    incoming.on("error", () => resolve(broken));
  });
  outgoing.on("error", (error: NodeJS.ErrnoException) => resolve({ failure: error.code ?? "EIO" }));
  outgoing.end(body);
  return promise.finally(() => limit.cancel());
}
