/** Errors of requests to the API server. */
import { STATUS_CODES } from "node:http";
import { oneLine } from "@ocir-broker/foundation/printable";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";

/** A response with another status than 2xx. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** A Status of Kubernetes, in JSON. */
  readonly body: string;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, body: string, retryAfterMs?: number) {
    super(`the API server returned ${status}`);
    this.status = status;
    this.body = body;
    this.retryAfterMs = retryAfterMs;
  }
}

/** No complete response. The message is one line for the log. */
export class NoResponseError extends Error {
  override readonly name = "NoResponseError";

  /** @param cause undici's or the signal's error. */
  constructor(cause: unknown) {
    const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    super(`the API server does not respond: ${inner instanceof Error ? inner.message : inner}`, { cause });
  }
}

/** A response that is longer than its caller allows. The rest of it is not read. */
export class ResponseTooLargeError extends Error {
  override readonly name = "ResponseTooLargeError";

  constructor(maxBytes: number) {
    super(`the API server's response has more than ${maxBytes} bytes`);
  }
}

/** The HTTP status; undefined without a response. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof ApiError ? error.status : undefined;
}

/** Whether another client has changed the object first, or manages one of its fields. */
export function isConflict(error: unknown): boolean {
  return statusOf(error) === 409;
}

/** One line for the log. Never contains a request, because that holds the token. */
export function describeRefusal(error: unknown): string {
  if (error instanceof ApiError) return `${error.message}: ${messageIn(error.body) ?? STATUS_CODES[error.status]}`;
  return error instanceof Error ? error.message : String(error);
}

/** The body's message in one line: a policy's, or that of two conflicts, has several. */
function messageIn(body: string): string | undefined {
  return resultIfAny(() => oneLine(String(JSON.parse(body).message)));
}
