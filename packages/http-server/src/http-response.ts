/** The broker's HTTP responses: status, content type and a body with a Content-Length. Never chunked; each ends its connection. */
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
