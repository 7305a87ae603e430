/**
 * A node:http server for a Unix socket that a slow, hostile or broken client cannot block, and that shuts down gracefully.
 * Knows no route.
 */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  setMaxIdleHTTPParsers,
} from "node:http";
import type { Socket } from "node:net";
import { type Clock, type Limiter, settledWithin } from "@ocir-broker/foundation";
import { errorAnswer } from "../errors/error-response.ts";
import { CLOSE, writeAnswer } from "../errors/response.ts";
import { type ListenAddress, listenOn } from "./listen.ts";

export interface ServerLimits {
  /** From connection to the last header byte. */
  readonly headersMs: number;
  /** From connection to the last byte of the request's body. */
  readonly requestMs: number;
  /** Without a byte in either direction, such as a client that stops reading. Longer than the time limit of any answer. */
  readonly silenceMs: number;
  /** How long an idle connection stays open. */
  readonly keepAliveMs: number;
  /** Concurrent connections; more are closed at once. 0: no limit. */
  readonly maxConnections: number;
  /** Without it, every request is answered at once. */
  readonly limiter?: Limiter;
}

export interface BoundedServer {
  /** @throws {BrokerError} `socket-in-use`, `socket-not-listening` */
  listen(address: ListenAddress): Promise<void>;
  /** Accepts no more connections, waits up to `graceMs` for requests in flight, then closes the remaining connections. */
  stop(graceMs: number): Promise<void>;
}

/** The shim sends four headers. */
const MAX_HEADER_BYTES = 8 * 1024;

/** Node keeps 1000 by default: several MiB for ever, once that many clients have come and gone. */
const MAX_IDLE_PARSERS = 32;

/** How often Node checks for requests beyond their time limit. */
const CHECK_INTERVAL_MS = 1_000;

/** How often a stopping server checks for idle connections. */
const IDLE_CHECK_MS = 20;

export function createBoundedServer(limits: ServerLimits, clock: Clock, onRequest: RequestListener): BoundedServer {
  setMaxIdleHTTPParsers(MAX_IDLE_PARSERS);
  const server = createServer({
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    requireHostHeader: false,
  });
  server.timeout = limits.silenceMs;
  if (limits.maxConnections > 0) server.maxConnections = limits.maxConnections;
  const unanswered = new WeakMap<Socket, Set<IncomingMessage>>();

  function enqueue(socket: Socket, work: () => void): void {
    if (limits.limiter === undefined) work();
    // Pipelining: there may be more requests than connections.
    else if (!limits.limiter.add(work)) socket.destroy();
  }

  server.on("request", (request, response) => {
    response.sendDate = false;
    const requests = unanswered.get(request.socket) ?? new Set();
    unanswered.set(request.socket, requests.add(request));
    response.on("close", () => requests.delete(request));
    enqueue(request.socket, () => onRequest(request, response));
  });
  // Node's own answer would be empty and chunked, which the shim cannot read.
  server.on("checkExpectation", ({ socket }, response) => {
    response.sendDate = false;
    enqueue(socket, () => writeAnswer(response, errorAnswer("request-malformed"), CLOSE));
  });
  server.on("clientError", (error, socket: Socket) => {
    // The client would take this answer for that of a complete request sent before.
    const isOwed = [...(unanswered.get(socket) ?? [])].some(({ complete }) => complete);
    if (isOwed) socket.destroy();
    else enqueue(socket, () => answerClientError(error, socket));
  });
  return {
    listen: (address) => listenOn(server, address),
    stop: (graceMs) => stop(server, graceMs, clock),
  };
}

/** Answers a request that Node could not parse, if the socket is still writable. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const { status, contentType, body } = errorAnswer(clientErrorCode(error.code));
  socket.end(
    `HTTP/1.1 ${status} Error\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function clientErrorCode(code: string | undefined): "headers-too-large" | "request-incomplete" | "request-malformed" {
  if (code === "HPE_HEADER_OVERFLOW") return "headers-too-large";
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "request-incomplete";
  return "request-malformed";
}

async function stop(server: Server, graceMs: number, clock: Clock): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // Closes connections as their answers are written; otherwise they would wait for another request.
  const deadlineMs = clock.monotonicMs() + graceMs;
  do server.closeIdleConnections();
  while (!(await settledWithin(closed, IDLE_CHECK_MS, clock)) && clock.monotonicMs() < deadlineMs);
  server.closeAllConnections();
  await closed;
}
