/** The base class for errors of fetches: a code of the package's table, with its text and its hint about retries. */
import { OwnError } from "@ocir-broker/errors/describe-error";
import type { ErrorRow } from "@ocir-broker/errors/error-row";
import { retryAfterMsOf } from "./retry-after.ts";
import type { UpstreamResponse } from "./upstream.ts";

export interface FetchErrorOptions {
  /** The response that refused the request: its status, its `Retry-After`, and the request's id, which Oracle's support needs. */
  readonly response?: Pick<UpstreamResponse, "status" | "headers" | "serverDateMs"> | undefined;
  /** The response's HTTP status, if it is not from `response`. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** For people: what exactly is wrong, in our own words. */
  readonly subject?: string | undefined;
  readonly cause?: unknown;
}

export class FetchError<Code extends string> extends OwnError<Code> {
  /** The wait that the server demands (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | undefined;

  /** @param place a host, or another place. No secret, because the message contains it. */
  constructor(code: Code, row: ErrorRow, place: string, options: FetchErrorOptions = {}) {
    const { response, subject } = options;
    const { status = response?.status, retryAfterMs = response && waitIn(response) } = options;
    const facts = [subject, status && `status ${status}`, response && requestIdIn(response)].filter(Boolean);
    const inBrackets = facts.length > 0 ? ` (${facts.join(", ")})` : "";
    super(code, row, `${place}: ${code}: ${row.what}${inBrackets}`, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Other statuses are no reason to wait. */
function waitIn(response: Pick<UpstreamResponse, "status" | "headers" | "serverDateMs">): number | undefined {
  return response.status === 429 || response.status >= 500 ? retryAfterMsOf(response) : undefined;
}

/** Up to three identifiers of 32 hexadecimal digits, separated by slashes. Other text is not shown. */
const REQUEST_ID = /^[\w/-]{1,128}$/;

/** `opc-request-id …`, as Oracle's services name the header. Empty without one. */
function requestIdIn({ headers }: Pick<UpstreamResponse, "headers">): string {
  const id = headers["opc-request-id"] ?? "";
  return REQUEST_ID.test(id) ? `opc-request-id ${id}` : "";
}
