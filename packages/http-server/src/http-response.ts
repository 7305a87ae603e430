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
/** Of Prometheus. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function textResponse(status: number, text: string): HttpResponse {
  return { status, contentType: TEXT_TYPE, body: Buffer.from(text) };
}

export function jsonResponse(status: number, value: unknown): HttpResponse {
  return { status, contentType: JSON_TYPE, body: Buffer.from(`${JSON.stringify(value, null, 2)}\n`) };
}

export function encodeResponse({ status, contentType, body, allow }: HttpResponse, method: string): Buffer {
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
