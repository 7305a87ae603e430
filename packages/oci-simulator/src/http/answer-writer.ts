/**
 * Sends an answer with the request's fault: which body, how much of it, and how the connection ends.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { type Answer, answerHtml, answerJson } from "./answer.ts";
import type { Fault } from "./faults.ts";

const MIB = 1_048_576;

/** True if the fault replaces the service's answer, so the service is not called. */
export function replacesAnswer(fault: Fault | undefined): boolean {
  return (
    fault !== undefined &&
    (fault.status !== undefined ||
      fault.refuse === true ||
      fault.hang === "before-headers" ||
      fault.reset === "before-headers")
  );
}

/** The answer, changed by the fault; separate from the socket's code. */
export function spoilAnswer(answer: Answer, fault: Fault | undefined): Answer {
  if (fault === undefined) return answer;
  let spoilt = answer;
  if (fault.html) spoilt = { ...answerHtml(answer.status, "Error"), status: answer.status };
  if (fault.wrongJson) spoilt = { ...answerJson(answer.status, ""), body: Buffer.from('{"token": "eyJ') };
  if (fault.wrongShape) spoilt = answerJson(answer.status, { unexpected: [1, null] });
  if (fault.bodyMiB !== undefined) {
    const filler = Buffer.alloc(fault.bodyMiB * MIB, " ");
    answer.body.copy(filler);
    spoilt = { ...answer, body: answer.body.length > filler.length ? answer.body : filler };
  }
  const headers: Record<string, string> = { ...spoilt.headers };
  if (fault.retryAfter !== undefined) headers["retry-after"] = String(fault.retryAfter);
  if (fault.contentType !== undefined) headers["content-type"] = fault.contentType;
  return { ...spoilt, headers };
}

export interface WriteOptions {
  readonly clock: Clock;
  readonly fault: Fault | undefined;
  /** Releases a hanging connection. */
  readonly released: AbortSignal;
}

export function writeAnswer(response: ServerResponse, answer: Answer, { clock, fault, released }: WriteOptions): void {
  const socket = response.socket;
  if (socket === null || socket.destroyed) return;
  // Without a body, "mid-body" means before the headers.
  const isBodyless = response.req.method === "HEAD" || answer.body.length === 0;
  const at = (moment: Fault["hang"]) => moment === "before-headers" || (moment === "mid-body" && isBodyless);
  if (at(fault?.hang)) {
    hold(socket, released);
    return;
  }
  if (at(fault?.reset)) {
    resetConnection(socket);
    return;
  }

  response.writeHead(answer.status, {
    date: new Date(clock.wallMs() + (fault?.dateSkewMs ?? 0)).toUTCString(),
    "content-length": answer.body.length,
    ...answer.headers,
  });
  if (fault?.hang !== "mid-body" && fault?.reset !== "mid-body" && !fault?.truncate) {
    response.end(answer.body);
    return;
  }
  response.write(answer.body.subarray(0, Math.floor(answer.body.length / 2)), () => {
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
