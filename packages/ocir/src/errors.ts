/**
 * The package's one error. Its message has the host, the code, words from this file and an HTTP status;
 * never a token, a header, a body or an image's name.
 */

const MEANING = {
  "clock-skew": { retryable: true, words: "this node's clock is more than 5 minutes off" },
  "image-invalid": { retryable: false, words: "not an image reference that names its registry" },
  "registry-answer-invalid": { retryable: true, words: "the token endpoint's answer is not a token" },
  "registry-forbidden": { retryable: false, words: "the token endpoint refused this instance" },
  "registry-redirected": { retryable: false, words: "the token endpoint redirects, and a signature must not follow" },
  "registry-refused": { retryable: false, words: "the token endpoint refused the request" },
  "registry-status-unexpected": { retryable: true, words: "the token endpoint answered with an unexpected status" },
  "registry-throttled": { retryable: true, words: "the registry limits our requests" },
  "registry-unauthorized": { retryable: true, words: "the registry did not accept the session" },
  "registry-unavailable": { retryable: true, words: "the registry returned a server error" },
  "token-anonymous": { retryable: false, words: "the token is anonymous: something removed the request's signature" },
  "token-expired": { retryable: true, words: "the token had already expired when it arrived" },
} as const satisfies Record<string, { retryable: boolean; words: string }>;

export type OcirErrorCode = keyof typeof MEANING;

export interface OcirErrorOptions {
  /** HTTP status that was answered, where one was. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** With `clock-skew`: how far this node is ahead of the registry; negative when behind. */
  readonly clockAheadMs?: number | undefined;
  /** More exactly what the code means here; words of ours, for people. */
  readonly reason?: string | undefined;
}

export class OcirError extends Error {
  readonly code: OcirErrorCode;
  /** False where the same request would fail the same way until somebody changes something. */
  readonly retryable: boolean;
  /** The wait that the server asked for (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  readonly clockAheadMs: number | undefined;
  readonly reason: string | undefined;

  /** @param place the registry host, or what else the error is about. */
  constructor(code: OcirErrorCode, place: string, options: OcirErrorOptions = {}) {
    const { status, retryAfterMs, clockAheadMs, reason } = options;
    const facts = [
      ...(reason === undefined ? [] : [reason]),
      ...(status === undefined ? [] : [`status ${status}`]),
      ...(clockAheadMs === undefined ? [] : [describeSkew(clockAheadMs)]),
    ];
    super(`${place}: ${code}: ${MEANING[code].words}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}`);
    this.name = "OcirError";
    this.code = code;
    this.retryable = MEANING[code].retryable;
    this.retryAfterMs = retryAfterMs;
    this.status = status;
    this.clockAheadMs = clockAheadMs;
    this.reason = reason;
  }
}

function describeSkew(aheadMs: number): string {
  return `${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs > 0 ? "ahead" : "behind"}`;
}
