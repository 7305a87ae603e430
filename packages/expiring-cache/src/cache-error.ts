/** Errors of the cache itself. An error of `fetch` is passed to the callers unchanged. */
import { CACHE_ERRORS, type CacheErrorCode } from "@ocir-broker/errors/cache-errors";

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
