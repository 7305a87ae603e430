/** The broker's HTTP responses: status, content type and a body with a Content-Length. Never chunked; each ends its connection. */
import { STATUS_CODES } from "node:http";

export interface HttpResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  /** The methods that the path supports, for status 405. */
  readonly allow?: string;
}

export const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain; charset=utf-8";

export function textResponse(status: number, text: string): HttpResponse {
  return { status, contentType: TEXT_TYPE, body: Buffer.from(text) };
}

export function jsonResponse(status: number, value: unknown): HttpResponse {
  return { status, contentType: JSON_TYPE, body: Buffer.from(`${JSON.stringify(value, null, 2)}\n`) };
}

/** The bytes for a request with this method. */
export function encodeResponse({ status, contentType, body, allow }: HttpResponse, method: string): Buffer {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${body.length}`,
    ...(allow === undefined ? [] : [`Allow: ${allow}`]),
    "Connection: close\r\n\r\n",
  ].join("\r\n");
  return method === "HEAD" ? Buffer.from(head) : Buffer.concat([Buffer.from(head), body]);
}
