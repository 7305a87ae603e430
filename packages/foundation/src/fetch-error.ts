/** The base class for errors of fetches: a code of the package's table, with its text and its hint about retries. */
import { OwnError } from "@ocir-broker/errors/describe-error";
import type { FetchErrorText } from "@ocir-broker/errors/error-text";
import { retryAfterMsOf } from "./retry-after.ts";
import type { UpstreamResponse } from "./upstream.ts";

export interface FetchErrorOptions {
  /** The response that refused the request: its status, its `Retry-After`, and the request's id, which Oracle's support needs. */
  readonly response?: Pick<UpstreamResponse, "status" | "headers" | "serverDateMs"> | undefined;
  /** The response's HTTP status, if it is not from `response`. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** For people: more detail, in our own words. */
  readonly reason?: string | undefined;
  /** A further detail for the message only. */
  readonly detail?: string | undefined;
  readonly cause?: unknown;
}

export class FetchError<Code extends string> extends OwnError<Code> {
  /** The wait that the server demands (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly reason: string | undefined;

  /** @param place a host, or another place. No secret, because the message contains it. */
  constructor(code: Code, { what, retryable }: FetchErrorText, place: string, options: FetchErrorOptions = {}) {
    const { response, reason, detail } = options;
    const { status = response?.status, retryAfterMs = response && waitIn(response) } = options;
    const facts = [reason, status && `status ${status}`, detail, response && requestIdIn(response)].filter(Boolean);
    super(code, `${place}: ${code}: ${what}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}`, {
      retryable,
      ...("cause" in options && { cause: options.cause }),
    });
    this.retryAfterMs = retryAfterMs;
    this.reason = reason;
  }
}

/** Other statuses are no reason to wait. */
function waitIn(response: Pick<UpstreamResponse, "status" | "headers" | "serverDateMs">): number | undefined {
  return response.status === 429 || response.status >= 500 ? retryAfterMsOf(response) : undefined;
}

/** Up to three identifiers of 32 hexadecimal digits, separated by slashes. Other text is not shown. */
const REQUEST_ID = /^[\w/-]{1,128}$/;

/** `opc-request-id …`, as Oracle's services name the header. Empty without one. */
export function requestIdIn({ headers }: Pick<UpstreamResponse, "headers">): string {
  const id = headers["opc-request-id"] ?? "";
  return REQUEST_ID.test(id) ? `opc-request-id ${id}` : "";
}
