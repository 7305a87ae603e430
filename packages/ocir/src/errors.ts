/**
 * The package's one error. Its message has the host, the code, a text from this file and an HTTP status; never a token, a
 * header, a body or an image's name.
 */

import { CLOCK_SKEW, type FetchErrorText, NEXT, permanent, transient } from "@ocir-broker/foundation";

export const OCIR_ERRORS = {
  "clock-skew": CLOCK_SKEW,
  "image-invalid": permanent(400, "the image's name is invalid", "check the pod's image name"),
  "registry-answer-invalid": transient(502, "the registry's answer is not a token", NEXT.changingProxy),
  "registry-forbidden": permanent(
    502,
    "the registry refused this instance",
    "check that the host is a registry of a region that the tenancy is subscribed to",
  ),
  "registry-redirected": permanent(502, "the registry's token endpoint points elsewhere", NEXT.changingProxy),
  "registry-refused": permanent(502, "the registry refused the request", NEXT.journal),
  "registry-status-unexpected": transient(502, "the registry answered with an unexpected status", NEXT.changingProxy),
  "registry-throttled": transient(503, "the registry is throttling", NEXT.wait),
  "registry-unauthorized": transient(502, "the registry did not accept this instance's session", NEXT.clock),
  "registry-unavailable": transient(503, "the registry returned a server error", NEXT.outage),
  "token-anonymous": permanent(
    502,
    "the registry's token is anonymous: something removes the request's Authorization header",
    "exempt the registry from the proxy (proxy.noProxy), or make the proxy pass the header on",
  ),
  "token-expired": transient(502, "the token had already expired when it arrived", NEXT.clock),
} as const satisfies Record<string, FetchErrorText>;

export type OcirErrorCode = keyof typeof OCIR_ERRORS;

export interface OcirErrorOptions {
  /** The answer's HTTP status, if there was an answer. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** With `clock-skew`: how far this node is ahead of the registry; negative when behind. */
  readonly clockAheadMs?: number | undefined;
  /** For people: more detail, in our own words. */
  readonly reason?: string | undefined;
}

export class OcirError extends Error {
  readonly code: OcirErrorCode;
  /** False if the same request would fail the same way until something is changed. */
  readonly retryable: boolean;
  /** The wait that the server asked for (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  readonly clockAheadMs: number | undefined;
  readonly reason: string | undefined;

  /** @param place the registry host, or another subject of the error. */
  constructor(code: OcirErrorCode, place: string, options: OcirErrorOptions = {}) {
    const { status, retryAfterMs, clockAheadMs, reason } = options;
    const facts = [
      ...(reason === undefined ? [] : [reason]),
      ...(status === undefined ? [] : [`status ${status}`]),
      ...(clockAheadMs === undefined ? [] : [describeSkew(clockAheadMs)]),
    ];
    super(`${place}: ${code}: ${OCIR_ERRORS[code].what}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}`);
    this.name = "OcirError";
    this.code = code;
    this.retryable = OCIR_ERRORS[code].retryable;
    this.retryAfterMs = retryAfterMs;
    this.status = status;
    this.clockAheadMs = clockAheadMs;
    this.reason = reason;
  }
}

function describeSkew(aheadMs: number): string {
  return `${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs > 0 ? "ahead" : "behind"}`;
}
