/** One HTTP response as a value, and functions that create one. The listener writes it to the socket. */
import { randomBytes } from "node:crypto";
import type { ReceivedRequest } from "./received-request.ts";
import { oracleError, type Refusal } from "./refusal.ts";

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** A refusal's true reason, for `GET /refusals`; never sent to the client. */
  readonly reason?: string;
}

type Headers = Readonly<Record<string, string>>;

export function jsonResponse(status: number, value: unknown, headers: Headers = {}): HttpResponse {
  return response(status, "application/json", JSON.stringify(value), headers);
}

export function textResponse(status: number, text: string, headers: Headers = {}): HttpResponse {
  return response(status, "text/plain", text, headers);
}

/** The error page of a web server in front of a service. */
export function htmlResponse(status: number, title: string, headers: Headers = {}): HttpResponse {
  const page = `<html>\n<head><title>${status} ${title}</title></head>\n<body>\n<h1>${status} ${title}</h1>\n</body>\n</html>\n`;
  return response(status, "text/html; charset=utf-8", page, headers);
}

/** The common form of errors in Oracle's APIs. */
export function failOracle(status: number): HttpResponse {
  return jsonResponse(status, oracleError(status));
}

export function refusalResponse({ status, code, said, message }: Refusal): HttpResponse {
  return { ...jsonResponse(status, { code, message: said }), reason: message };
}

/** Oracle's APIs give each response an id, which starts with the client's request id. */
export function withRequestId(response: HttpResponse, request: ReceivedRequest): HttpResponse {
  const own = () => randomBytes(16).toString("hex").toUpperCase();
  const id = `${request.headers["opc-request-id"] ?? own()}/${own()}/${own()}`;
  return { ...response, headers: { "opc-request-id": id, ...response.headers } };
}

function response(status: number, contentType: string, body: string, headers: Headers): HttpResponse {
  return { status, headers: { "content-type": contentType, ...headers }, body: Buffer.from(body) };
}
