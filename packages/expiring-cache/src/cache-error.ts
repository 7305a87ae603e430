/** Errors of the cache itself. An error of `fetch` is passed to the callers unchanged. */
import { type FetchErrorText, NEXT, permanent, transient } from "@ocir-broker/foundation";

export const CACHE_ERRORS = {
  /** `close()` was called. */
  closed: permanent(503, "the broker is stopping", "nothing to do, the kubelet retries"),
  /** `fetch` returned a value that could not be served any more. */
  "expired-on-arrival": transient(502, "the fetched value had already expired", NEXT.clock),
  /** `fetch` did not settle in time; its signal was aborted. */
  "fetch-timeout": transient(504, "Oracle's services did not answer in time", NEXT.network),
  /** `maxEntries` keys without a value are being fetched or waited for. */
  overloaded: transient(503, "too many registry hosts are requested at once", NEXT.wait),
  /** The caller's deadline passed before any fetch ended. */
  "wait-timeout": transient(504, "no token was available in time", NEXT.wait),
} as const satisfies Record<string, FetchErrorText>;

export type CacheErrorCode = keyof typeof CACHE_ERRORS;

/** The message names the key and the code; the key is a registry host or another name that is no secret. */
export class CacheError extends Error {
  readonly code: CacheErrorCode;
  readonly retryable: boolean;

  constructor(code: CacheErrorCode, key: string) {
    super(`${key}: ${code}`);
    this.name = "CacheError";
    this.code = code;
    this.retryable = CACHE_ERRORS[code].retryable;
  }
}
