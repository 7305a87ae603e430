/** Errors of the cache itself. An error of `fetch` is passed to the callers unchanged. */

export type CacheErrorCode =
  /** `close()` was called. */
  | "closed"
  /** `fetch` did not settle in time; its signal was aborted. */
  | "fetch-timeout"
  /** `fetch` returned a value that could not be served any more. */
  | "expired-on-arrival"
  /** The caller's deadline passed before any fetch ended. */
  | "wait-timeout"
  /** `maxEntries` keys without a value are being fetched or waited for. */
  | "overloaded";

/** The message names the key and the code; the key is a registry host or another name that is no secret. */
export class CacheError extends Error {
  readonly code: CacheErrorCode;
  readonly retryable: boolean;

  constructor(code: CacheErrorCode, key: string) {
    super(`${key}: ${code}`);
    this.name = "CacheError";
    this.code = code;
    this.retryable = code !== "closed";
  }
}
