/**
 * A listening socket, with the common work before a service gets a request: keep-alive, malformed requests, faults. Knows no
 * service.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { Fault } from "./faults.ts";
import { type ReceivedRequest, receiveRequest } from "./received-request.ts";
import { Refusal } from "./refusal.ts";
import { type HttpResponse, refusalResponse } from "./response.ts";
import { replacesResponse, spoilResponse, writeResponse } from "./response-writer.ts";

/** A service's decision about a request: its response, and its fault. */
export interface Handling {
  answer(): HttpResponse | Promise<HttpResponse>;
  /** The service's form of an error, for a fault with a status. */
  fail(status: number): HttpResponse;
  readonly fault?: Fault | undefined;
  readonly latencyMs: number;
  readonly released: AbortSignal;
}

export interface ListenerOptions {
  /** `127.0.0.1:18080`; port 0 takes a free one. */
  readonly address: string;
  readonly clock: Clock;
  readonly tls?: ServerOptions | undefined;
  handle(request: ReceivedRequest): Handling;
}

/** Longer than any client's own, so that the client closes an idle connection. */
const KEEP_ALIVE_MS = 75_000;

/** @throws the system's error (EADDRINUSE, EACCES …) if it cannot listen; TypeError for an invalid address. */
export async function startListener(options: ListenerOptions) {
  const { host, port } = parseAddress(options.address);
  const onRequest: RequestListener = (message, response) => void respond(message, response, options, refuse);
  const server: Server = options.tls === undefined ? createServer(onRequest) : createTlsServer(options.tls, onRequest);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await listen(server, host, port);
  const bound = server.address() as AddressInfo;
  let isClosed = false;

  function refuse(released: AbortSignal): void {
    if (!server.listening) return;
    const comeBack = () => void (isClosed || listen(server, host, bound.port));
    server.close(() => {
      if (released.aborted) comeBack();
      else released.addEventListener("abort", comeBack, { once: true });
    });
    server.closeAllConnections();
  }

  return {
    /** `http://127.0.0.1:18080`, with the actual port. */
    origin: `${options.tls === undefined ? "http" : "https"}://${host}:${bound.port}`,
    close: (): Promise<void> =>
      new Promise((resolve) => {
        isClosed = true;
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port, backlog: 1_024 });
  await once(server, "listening");
}

export function parseAddress(address: string): { host: string; port: number } {
  const [, host, port] = /^([^:]+):(\d+)$/.exec(address) ?? [];
  if (host === undefined) throw new TypeError(`not an address with a port: ${address}`);
  return { host, port: Number(port) };
}

async function respond(
  message: IncomingMessage,
  response: ServerResponse,
  options: ListenerOptions,
  refuse: (released: AbortSignal) => void,
): Promise<void> {
  const { clock } = options;
  try {
    const request = await receiveRequest(message, options.tls !== undefined);
    const { answer, fail, fault, latencyMs, released } = options.handle(request);
    if (fault?.refuse) return refuse(released);
    const waitMs = fault?.latencyMs ?? latencyMs;
    if (waitMs > 0)
      await new Promise<void>((resolve) => {
        clock.setTimer(resolve, waitMs);
        released.addEventListener("abort", () => resolve(), { once: true });
      });
    const whole = replacesResponse(fault) ? fail(fault?.status ?? 500) : await answer();
    writeResponse(response, spoilResponse(whole, fault), clock, fault, released);
  } catch (error) {
    if (error instanceof Refusal) writeResponse(response, refusalResponse(error), clock);
    else response.destroy();
  }
}
