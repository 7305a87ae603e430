/**
 * One bounded HTTP request to an external service.
 *
 * Owns the limits for every upstream: time to connect, to the headers, between two pieces of the body, and in total; the size of
 * the body; no redirects. Classifies undici's errors. It never retries or logs, and does not interpret a status: each service's
 * own file does.
 */
import { codeOf, OwnError } from "@ocir-broker/errors/describe-error";
import { type Dispatcher, errors, request } from "undici";
import { proxyHostOf } from "./dispatcher.ts";
import { UPSTREAM_ERRORS, type UpstreamErrorCode } from "./error-codes.ts";
import type { Clock } from "./time/clock.ts";

/** The message has the code and the host, never sent or received text. */
export class UpstreamError extends OwnError<UpstreamErrorCode> {
  override readonly name = "UpstreamError";

  constructor(code: UpstreamErrorCode, host: string, options?: ErrorOptions) {
    super(code, UPSTREAM_ERRORS[code], `${host}: ${code}`, options);
  }
}

/** Node's codes for a failed handshake, OpenSSL's for a refused chain or name, undici's for a TLS proxy. */
const TLS_CODE =
  /^ERR_TLS|^ERR_SSL|^EPROTO$|^UND_ERR_PRX_TLS$|CERT|SIGNATURE|^INVALID_(CA|PURPOSE)$|^PATH_LENGTH_EXCEEDED$/;

/** Of the system's codes and undici's. */
const CODES: Readonly<Record<string, UpstreamErrorCode>> = {
  EAI_AGAIN: "name-not-resolved",
  ECONNREFUSED: "refused",
  ECONNRESET: "connection-broken",
  ENOTFOUND: "name-not-found",
  EPIPE: "connection-broken",
  ETIMEDOUT: "timeout",
  // Our own signals were checked before, so this is a proxy's response to CONNECT, such as 407.
  UND_ERR_ABORTED: "proxy-refused",
  UND_ERR_BODY_TIMEOUT: "timeout",
  UND_ERR_CONNECT_TIMEOUT: "timeout",
  UND_ERR_HEADERS_TIMEOUT: "timeout",
};

/** Largest body accepted. A registry may send its token twice, each time with the 32 768 characters that its API allows. */
export const MAX_BODY_BYTES = 80 * 1024;

export interface UpstreamRequest {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface UpstreamResponse {
  readonly status: number;
  /** Names in lower case; the first value of a repeated header. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** Monotonic time just before the request was sent. Lifetimes are counted from here, so they are never too long. */
  readonly sentAtMs: number;
  /** The server's `Date` in epoch milliseconds, if it sent a valid one. */
  readonly serverDateMs: number | undefined;
}

export type SendRequest = (request: UpstreamRequest) => Promise<UpstreamResponse>;

export interface UpstreamOptions {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  /** Time limit of the whole request, in milliseconds. */
  readonly totalMs: number;
}

/** @throws {UpstreamError} without a complete HTTP response. */
export function createSendRequest(options: UpstreamOptions): SendRequest {
  return async ({ url, method, headers, body, signal }) => {
    const deadline = new AbortController();
    const timer = options.clock.setTimer(() => deadline.abort(), options.totalMs);
    const sentAtMs = options.clock.monotonicMs();
    try {
      const response = await request(url, {
        dispatcher: options.dispatcher,
        method,
        headers,
        body: body ?? null,
        signal: AbortSignal.any([signal, deadline.signal]),
      });
      const responseHeaders = firstOfEach(response.headers);
      const received = await readBounded(response.body, MAX_BODY_BYTES);
      if (received === undefined) throw new UpstreamError("upstream-response-too-large", url.host);
      return {
        status: response.statusCode,
        headers: responseHeaders,
        body: received,
        sentAtMs,
        serverDateMs: dateMsOf(responseHeaders["date"]),
      };
    } catch (error) {
      if (error instanceof UpstreamError) throw error;
      const code = deadline.signal.aborted ? "timeout" : signal.aborted ? "aborted" : classify(error);
      const place = code === "proxy-unreachable" ? proxyHostOf(error) : undefined;
      throw new UpstreamError(code, place ?? url.host, { cause: withoutReceived(error) });
    } finally {
      timer.cancel();
    }
  };
}

/** @returns the whole body, or undefined, and reads no further, if it is longer than `maxBytes`. */
export async function readBounded(body: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > maxBytes) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

export type RequestEnd = { readonly response: UpstreamResponse } | { readonly error: unknown };

/** Wraps `send`, and reports the end of every request. */
export function observed(
  send: SendRequest,
  clock: Clock,
  onEnd: (request: UpstreamRequest, end: RequestEnd, elapsedMs: number) => void,
): SendRequest {
  return async (request) => {
    const startedAtMs = clock.monotonicMs();
    try {
      const response = await send(request);
      onEnd(request, { response }, clock.monotonicMs() - startedAtMs);
      return response;
    } catch (error) {
      onEnd(request, { error }, clock.monotonicMs() - startedAtMs);
      throw error;
    }
  };
}

/** Date.parse alone would accept "5" as a day in 2001. */
function dateMsOf(text = ""): number | undefined {
  const dateMs = text.endsWith(" GMT") ? Date.parse(text) : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : dateMs;
}

function firstOfEach(headers: Record<string, string | string[] | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}

/** undici's parser error contains the bytes that it could not parse, which may include a token. */
function withoutReceived(error: unknown): unknown {
  return error instanceof errors.HTTPParserError ? new Error(error.message) : error;
}

function classify(error: unknown): UpstreamErrorCode {
  const code = classifyAtService(error);
  return code !== "tls" && proxyHostOf(error) !== undefined ? "proxy-unreachable" : code;
}

function classifyAtService(error: unknown): UpstreamErrorCode {
  if (error instanceof errors.HTTPParserError) return "connection-broken";
  const code = codeOf(error instanceof AggregateError ? error.errors[0] : error);
  if (TLS_CODE.test(code)) return "tls";
  return CODES[code] ?? (code.startsWith("UND_ERR") ? "connection-broken" : "unreachable");
}
