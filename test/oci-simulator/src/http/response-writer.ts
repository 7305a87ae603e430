/**
 * Sends a response with the request's fault: which body, how much of it, and how the connection ends.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { Fault } from "./faults.ts";
import { type HttpResponse, htmlResponse, jsonResponse } from "./response.ts";

const MIB = 1_048_576;

/** True if the fault replaces the service's response, so the service is not called. */
export function replacesResponse(fault: Fault | undefined): boolean {
  return fault?.status !== undefined || fault?.hang === "before-headers" || fault?.reset === "before-headers";
}

/** The response, changed by the fault; separate from the socket's code. */
export function spoilResponse(response: HttpResponse, fault: Fault | undefined): HttpResponse {
  if (fault === undefined) return response;
  let spoilt = response;
  if (fault.html) spoilt = { ...htmlResponse(response.status, "Error"), status: response.status };
  if (fault.wrongJson) spoilt = { ...jsonResponse(response.status, ""), body: Buffer.from('{"token": "eyJ') };
  if (fault.wrongShape) spoilt = jsonResponse(response.status, { unexpected: [1, null] });
  if (fault.bodyMiB !== undefined) {
    const filler = Buffer.alloc(fault.bodyMiB * MIB, " ");
    response.body.copy(filler);
    spoilt = { ...response, body: response.body.length > filler.length ? response.body : filler };
  }
  const headers: Record<string, string> = { ...spoilt.headers };
  if (fault.retryAfter !== undefined) headers["retry-after"] = String(fault.retryAfter);
  if (fault.contentType !== undefined) headers["content-type"] = fault.contentType;
  return { ...spoilt, headers };
}

/** @param released releases a hanging connection */
export function writeResponse(
  stream: ServerResponse,
  response: HttpResponse,
  clock: Clock,
  fault?: Fault,
  released = new AbortController().signal,
): void {
  const socket = stream.socket;
  if (socket === null || socket.destroyed) return;
  // Without a body, "mid-body" means before the headers.
  const isBodyless = stream.req.method === "HEAD" || response.body.length === 0;
  const at = (moment: Fault["hang"]) => moment === "before-headers" || (moment === "mid-body" && isBodyless);
  if (at(fault?.hang)) {
    hold(socket, released);
    return;
  }
  if (at(fault?.reset)) {
    resetConnection(socket);
    return;
  }

  stream.writeHead(response.status, {
    date: new Date(clock.wallMs() + (fault?.dateSkewMs ?? 0)).toUTCString(),
    "content-length": response.body.length,
    ...response.headers,
  });
  if (fault?.hang !== "mid-body" && fault?.reset !== "mid-body" && !fault?.truncate) {
    stream.end(response.body);
    return;
  }
  stream.write(response.body.subarray(0, Math.floor(response.body.length / 2)), () => {
    if (fault.hang !== undefined) hold(socket, released);
    else if (fault.reset !== undefined) resetConnection(socket);
    else socket.end();
  });
}

function hold(socket: Socket, released: AbortSignal): void {
  const letGo = () => socket.destroy();
  if (released.aborted) letGo();
  else released.addEventListener("abort", letGo, { once: true });
  socket.once("close", () => released.removeEventListener("abort", letGo));
}

/** With TLS, Node cannot send a TCP reset, so the connection ends without a close notification. */
function resetConnection(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
