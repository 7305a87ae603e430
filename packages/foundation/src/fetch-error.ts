/** The base class for errors of fetches: a code of the package's table, with its text and its hint about retries. */
import type { FetchErrorText } from "@ocir-broker/errors/error-text";

export interface FetchErrorOptions {
  /** The response's HTTP status, if there was a response. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** For people: more detail, in our own words. */
  readonly reason?: string | undefined;
  /** A further detail for the message only. */
  readonly detail?: string | undefined;
  readonly cause?: unknown;
}

export class FetchError<Code extends string> extends Error {
  readonly code: Code;
  /** False if the same request would fail the same way until something is changed. */
  readonly retryable: boolean;
  /** The wait that the server demands (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly reason: string | undefined;

  /** @param place a host, or another place. No secret, because the message contains it. */
  constructor(code: Code, { what, retryable }: FetchErrorText, place: string, options: FetchErrorOptions = {}) {
    const { status, retryAfterMs, reason, detail } = options;
    const facts = [reason, status && `status ${status}`, detail].filter(Boolean);
    super(
      `${place}: ${code}: ${what}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}`,
      "cause" in options ? { cause: options.cause } : {},
    );
    this.code = code;
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
    this.reason = reason;
  }
}
