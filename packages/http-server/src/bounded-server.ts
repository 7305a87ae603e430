/**
 * An HTTP server that a slow, hostile or broken client cannot block, and that shuts down gracefully. Knows no route.
 *
 * One connection costs one small request at most: after it, nothing more is read, and the connection ends with the response.
 * node:http would parse every request of a 64 KiB read before its first handler runs.
 */
import { STATUS_CODES } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createLimiter, type Limiter } from "@ocir-broker/foundation/time/limiter";
import { settledWithin } from "@ocir-broker/foundation/time/settled-within";
import { refusalOf } from "./error-response.ts";
import type { HttpResponse } from "./http-response.ts";
import { type HttpRequest, type ReaderRefusal, RequestReader } from "./request-reader.ts";

export interface ServerLimits {
  /** From connection to the last header byte. */
  readonly headersMs: number;
  /** From connection to the last byte of the request's body. Longer than `headersMs`. */
  readonly requestMs: number;
  /** Without a byte in either direction, such as a client that stops reading. Longer than the time limit of any response. */
  readonly silenceMs: number;
  readonly maxBodyBytes: number;
  /** Concurrent connections; more are closed at once. Default: no limit. */
  readonly maxConnections?: number;
  /** Concurrent connections: an idle one of the address with the most gives way to a new one. Default: no limit. */
  readonly places?: number;
  /** Of the bodies that arrive in pieces: the oldest connection with one gives way to a new one. Default: no limit. */
  readonly maxBufferedBytes?: number;
  /** Without it, every accepted request is answered at once; refused ones have a limit of their own. */
  readonly limiter?: Pick<Limiter, "add" | "close">;
}

/** Calls `respond` once. */
export type RequestHandler = (request: HttpRequest, respond: (response: HttpResponse) => void) => void;

export type BoundedServer = ReturnType<typeof createBoundedServer>;

/** A refused client connects again at once, so without a limit it would cost as much as it can send. */
const REFUSAL_RATE = { burst: 4, spacingMs: 2.5, maxQueued: 256 };

/**
 * A client whose body is refused may still be sending it. It must be able to read the response before its sending fails, so the
 * connection stays half-open for this long, unread.
 */
const LINGER_MS = 1_000;

/** A paused socket still reads until this much is buffered: a single read. */
const HIGH_WATER_MARK_BYTES = 1;

interface Place {
  readonly socket: Socket;
  readonly address: string | undefined;
  isIdle: boolean;
  bufferedBytes: number;
}

export function createBoundedServer(limits: ServerLimits, clock: Clock, onRequest: RequestHandler) {
  /** The oldest first. */
  const open = new Set<Place>();
  let bufferedBytes = 0;
  const refusals = limits.limiter ?? createLimiter({ clock, ...REFUSAL_RATE });
  const server = createServer({ allowHalfOpen: true, highWaterMark: HIGH_WATER_MARK_BYTES }, (socket) => {
    if (open.size >= (limits.places ?? Infinity)) freePlace();
    const place: Place = { socket, address: socket.remoteAddress, isIdle: true, bufferedBytes: 0 };
    open.add(place);
    socket.on("close", () => forget(place));
    serve(place);
  });
  if (limits.maxConnections !== undefined) server.maxConnections = limits.maxConnections;

  function freePlace(): void {
    let most: readonly Place[] = [];
    for (const places of Map.groupBy(open, ({ address }) => address).values())
      if (places.length > most.length) most = places;
    free(most);
  }

  function buffer(place: Place, bytes: number): void {
    place.bufferedBytes = bytes;
    bufferedBytes += bytes;
    while (bufferedBytes > (limits.maxBufferedBytes ?? Infinity))
      free([...open].filter((other) => other.bufferedBytes > 0));
  }

  /** Frees the oldest idle place, or the oldest one. */
  function free(places: readonly Place[]): void {
    const freed = places.find(({ isIdle }) => isIdle) ?? places[0];
    if (freed === undefined) return;
    forget(freed);
    // On TCP, without a reset, the kernel would keep it until the client has closed it too.
    if (freed.address === undefined) freed.socket.destroy();
    else freed.socket.resetAndDestroy();
  }

  function forget(place: Place): void {
    if (open.delete(place)) bufferedBytes -= place.bufferedBytes;
  }

  function serve(place: Place): void {
    const { socket } = place;
    const reader = new RequestReader(limits.maxBodyBytes);
    let deadline = clock.setTimer(() => {
      if (!reader.isHeadRead) return refuse("request-incomplete");
      deadline = clock.setTimer(() => refuse("request-incomplete"), limits.requestMs - limits.headersMs);
    }, limits.headersMs);

    /** Stops reading, and handles the request when the limiter permits it. */
    function enqueue(work: () => void, limiter = limits.limiter): void {
      deadline.cancel();
      socket.pause().off("end", onEnd);
      if (limiter === undefined) work();
      else if (!limiter.add(work)) socket.destroy();
    }

    function refuse(code: ReaderRefusal | "request-incomplete"): void {
      enqueue(() => {
        if (code !== "body-too-large") respond(refusalOf(code));
        else if (!socket.destroyed) socket.end(encodeResponse(refusalOf(code), reader.method)).setTimeout(LINGER_MS);
      }, refusals);
    }

    function respond(response: HttpResponse): void {
      if (socket.destroyed) return;
      socket.end(encodeResponse(response, reader.method));
      socket.destroySoon();
    }

    function onEnd(): void {
      if (socket.bytesRead === 0) socket.destroy();
      else refuse("request-malformed");
    }

    socket.on("error", () => undefined);
    socket.on("close", () => deadline.cancel());
    socket.setTimeout(limits.silenceMs, () => socket.destroy());
    socket.on("end", onEnd);
    socket.on("data", (piece: Buffer) => {
      const result = reader.read(piece);
      if (place.bufferedBytes !== reader.bufferedBytes) buffer(place, reader.bufferedBytes);
      if (result.state === "refused") refuse(result.code);
      else if (result.state === "complete") {
        place.isIdle = false;
        enqueue(() => onRequest(result.request, respond));
      }
    });
  }

  /** Accepts no more connections, waits up to `graceMs` for requests in flight, then closes the remaining connections. */
  async function stop(graceMs: number): Promise<void> {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const { socket } of open) if (socket.bytesRead === 0) socket.destroy();
    if (!(await settledWithin(closed, graceMs, clock))) for (const { socket } of open) socket.destroy();
    await closed;
  }

  return {
    /** @param bind makes the server listen, and rejects if it cannot. */
    listen: (bind: (server: Server) => Promise<void>) => bind(server),
    stop,
  };
}

function encodeResponse({ status, contentType, body, allow }: HttpResponse, method: string): Buffer {
  const allowed = allow === undefined ? "" : `Allow: ${allow}\r\n`;
  const head =
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${contentType}\r\n` +
    `Content-Length: ${body.length}\r\n${allowed}Connection: close\r\n\r\n`;
  if (method === "HEAD") return Buffer.from(head);
  const bytes = Buffer.allocUnsafe(head.length + body.length);
  bytes.write(head, "latin1");
  body.copy(bytes, head.length);
  return bytes;
}
