/**
 * The one error of this package. Its message names the host and the code, with words from this package's own
 * source; never a token, key, certificate, header or body. Its cause, where it has one, is an UpstreamError.
 */

export type IdentityErrorCode =
  | "aborted"
  | "certificate-expired"
  | "certificate-invalid"
  | "certificate-mismatch"
  | "clock-skew"
  | "federation-invalid"
  | "federation-name-not-resolved"
  | "federation-proxy-refused"
  | "federation-refused"
  | "federation-throttled"
  | "federation-tls"
  | "federation-unauthorized"
  | "federation-unavailable"
  | "federation-unreachable"
  | "identity-not-ready"
  | "metadata-invalid"
  | "metadata-not-found"
  | "metadata-refused"
  | "metadata-throttled"
  | "metadata-unavailable"
  | "metadata-unreachable"
  | "region-unknown"
  | "sdk-failed"
  | "tenancy-changed"
  | "token-key-mismatch";

/** The meaning of each code, and whether it may pass by itself. */
const MEANING: Readonly<Record<IdentityErrorCode, { retryable: boolean; words: string }>> = {
  aborted: { retryable: true, words: "the request was aborted" },
  "certificate-expired": { retryable: true, words: "the instance certificate is not valid now" },
  "certificate-invalid": { retryable: true, words: "the instance certificate or its key is not usable" },
  "certificate-mismatch": { retryable: true, words: "the instance certificate and its key do not match" },
  "clock-skew": { retryable: true, words: "this node's clock is more than 5 minutes off" },
  "federation-invalid": { retryable: true, words: "the auth service's answer is not a session token" },
  "federation-name-not-resolved": { retryable: true, words: "the auth service's name could not be resolved" },
  "federation-proxy-refused": { retryable: true, words: "the proxy refused a connection to the auth service" },
  "federation-refused": { retryable: false, words: "the auth service refused the request" },
  "federation-throttled": { retryable: true, words: "the auth service limits our requests" },
  "federation-tls": { retryable: true, words: "the auth service's certificate is not trusted" },
  "federation-unauthorized": { retryable: true, words: "the auth service did not accept the instance certificate" },
  "federation-unavailable": { retryable: true, words: "the auth service returned a server error" },
  "federation-unreachable": { retryable: true, words: "no answer from the auth service" },
  "identity-not-ready": { retryable: true, words: "the instance has no certificate yet" },
  "metadata-invalid": { retryable: true, words: "the metadata service's answer is invalid" },
  "metadata-not-found": { retryable: true, words: "the metadata service does not have this" },
  "metadata-refused": { retryable: false, words: "the metadata service refused the request" },
  "metadata-throttled": { retryable: true, words: "the metadata service limits our requests" },
  "metadata-unavailable": { retryable: true, words: "the metadata service returned a server error" },
  "metadata-unreachable": { retryable: true, words: "no answer from the metadata service" },
  "region-unknown": {
    retryable: false,
    words: "the region is neither in the metadata service's regionInfo nor in our table",
  },
  "sdk-failed": { retryable: true, words: "the request could not be signed" },
  "tenancy-changed": { retryable: false, words: "the instance certificate now belongs to another tenancy" },
  "token-key-mismatch": { retryable: true, words: "the session token is for another key" },
};

export interface IdentityErrorOptions {
  /** HTTP status that was answered, where one was. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

export class IdentityError extends Error {
  readonly code: IdentityErrorCode;
  /** False where the same request would fail the same way until somebody changes something. */
  readonly retryable: boolean;
  /** The wait that the server asked for (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;

  constructor(code: IdentityErrorCode, host: string, options: IdentityErrorOptions = {}) {
    const answered = options.status === undefined ? "" : ` (status ${options.status})`;
    super(`${host}: ${code}: ${MEANING[code].words}${answered}`, "cause" in options ? { cause: options.cause } : {});
    this.name = "IdentityError";
    this.code = code;
    this.retryable = MEANING[code].retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status;
  }
}
