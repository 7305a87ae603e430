/** One request to a socket of the daemon, with a bounded response. */
import { once } from "node:events";
import { type IncomingMessage, type RequestOptions, request } from "node:http";
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { readBounded } from "@ocir-broker/foundation/upstream";

export type SocketResponse =
  | { readonly status: number; readonly body: Buffer }
  /** `timeout`, or an error code such as ENOENT, ECONNREFUSED. */
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

export async function askSocket(asked: SocketRequest, clock: Clock): Promise<SocketResponse> {
  const { body, maxBytes, limitMs, ...options } = asked;
  const ending = new AbortController();
  const { signal } = ending;
  const limit = clock.setTimer(() => ending.abort(), limitMs);
  // Once there is a response, its errors count.
  const outgoing = request({ ...options, agent: false, signal }).on("error", () => {});
  try {
    const [incoming] = (await once(outgoing.end(body), "response")) as [IncomingMessage];
    const received = await readBounded(incoming, maxBytes);
    return received === undefined ? { failure: "ECONNRESET" } : { status: incoming.statusCode ?? 0, body: received };
  } catch (error) {
    return { failure: signal.aborted ? "timeout" : codeOf(error) };
  } finally {
    limit.cancel();
  }
}
