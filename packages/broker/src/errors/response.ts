/** The broker's HTTP answers: status, content type and a body with a Content-Length. Never chunked. */
import type { ServerResponse } from "node:http";

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

export const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain; charset=utf-8";

export function textAnswer(status: number, text: string): HttpAnswer {
  return { status, contentType: TEXT_TYPE, body: Buffer.from(text) };
}

export function jsonAnswer(status: number, value: unknown): HttpAnswer {
  return { status, contentType: JSON_TYPE, body: Buffer.from(`${JSON.stringify(value, null, 2)}\n`) };
}

/** Headers of an early answer: what the client still sends must not be parsed as the next request. */
export const CLOSE = ["Connection", "close"] as const;

export function writeAnswer(response: ServerResponse, answer: HttpAnswer, more: readonly string[] = []): void {
  response.writeHead(answer.status, [
    "Content-Type",
    answer.contentType,
    "Content-Length",
    String(answer.body.length),
    ...more,
  ]);
  response.end(answer.body);
}
