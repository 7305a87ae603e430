/**
 * The package's one error. Its message has the host, the code and a text from this package; never a token, key, certificate,
 * header or body. Its cause, if any, is an UpstreamError.
 */

import { CLOCK_SKEW, type FetchErrorText, NEXT, permanent, transient, UPSTREAM_ERRORS } from "@ocir-broker/foundation";

import { FILE_IDENTITY_ERRORS } from "./file-identity-errors.ts";

const IS_OCI = "check that this node is an OCI instance and may reach 169.254.169.254";

export const IDENTITY_ERRORS = {
  ...FILE_IDENTITY_ERRORS,
  aborted: UPSTREAM_ERRORS.aborted,
  "certificate-expired": transient(502, "the instance certificate is not valid now", NEXT.clock),
  "certificate-invalid": transient(502, "the instance certificate cannot be used", NEXT.wait),
  "certificate-mismatch": transient(503, "the instance certificate is being replaced", NEXT.wait),
  "clock-skew": CLOCK_SKEW,
  "federation-invalid": transient(502, "the auth service's answer contains no session", NEXT.changingProxy),
  "federation-name-not-resolved": transient(502, "the auth service's name could not be resolved", NEXT.dns),
  "federation-proxy-refused": transient(502, "the proxy refused to connect to the auth service", NEXT.proxySettings),
  "federation-refused": permanent(502, "the auth service refused this instance", NEXT.journal),
  "federation-throttled": transient(503, "the auth service is throttling", NEXT.wait),
  "federation-tls": transient(502, "the auth service's certificate is not trusted", NEXT.trust),
  "federation-unauthorized": transient(502, "the auth service does not accept this instance", NEXT.clock),
  "federation-unavailable": transient(503, "the auth service returned a server error", NEXT.wait),
  "federation-unreachable": transient(504, "the auth service does not answer", NEXT.network),
  "identity-none": permanent(
    502,
    "this node has no identity of its own",
    "set identity.provider, or use a service account",
  ),
  "identity-not-ready": transient(503, "this instance has no identity yet", NEXT.wait),
  "metadata-invalid": transient(502, "the metadata service's answer is invalid", IS_OCI),
  "metadata-not-found": transient(502, "the metadata service has no instance data", IS_OCI),
  "metadata-refused": permanent(502, "the metadata service refused to answer", IS_OCI),
  "metadata-throttled": transient(503, "the metadata service is throttling", NEXT.wait),
  "metadata-unavailable": transient(503, "the metadata service returned a server error", NEXT.wait),
  "metadata-unreachable": transient(504, "the metadata service does not answer", IS_OCI),
  "region-unknown": permanent(502, "this instance's region is unknown", IS_OCI),
  "sdk-failed": transient(500, "the request could not be signed", NEXT.journal),
  "tenancy-changed": permanent(502, "this instance's tenancy has changed", "systemctl stop ocir-broker, then start it"),
  "token-key-mismatch": transient(502, "the session is for another key", NEXT.wait),
} as const satisfies Record<string, FetchErrorText>;

export type IdentityErrorCode = keyof typeof IDENTITY_ERRORS;

export interface IdentityErrorOptions {
  /** The answer's HTTP status, if there was an answer. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

export class IdentityError extends Error {
  readonly code: IdentityErrorCode;
  /** False if the same request would fail the same way until something is changed. */
  readonly retryable: boolean;
  /** The wait that the server asked for (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  /** The setting or file at fault, for the codes of {@link FILE_IDENTITY_ERRORS}. One printable line without a value. */
  readonly place: string | undefined;

  constructor(code: IdentityErrorCode, host: string, options: IdentityErrorOptions = {}) {
    const answered = options.status === undefined ? "" : ` (status ${options.status})`;
    super(
      `${host}: ${code}: ${IDENTITY_ERRORS[code].what}${answered}`,
      "cause" in options ? { cause: options.cause } : {},
    );
    this.name = "IdentityError";
    this.code = code;
    this.retryable = IDENTITY_ERRORS[code].retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status;
    this.place = Object.hasOwn(FILE_IDENTITY_ERRORS, code) ? host : undefined;
  }
}
