/** Errors of the cache itself. An error of `fetch` is passed to the callers unchanged. */
import { CACHE_ERRORS, type CacheErrorCode } from "@ocir-broker/errors/cache-errors";
import { OwnError } from "@ocir-broker/errors/describe-error";

/** The message names the key and the code; the key is a registry host or another name that is no secret. */
export class CacheError extends OwnError<CacheErrorCode> {
  override readonly name = "CacheError";

  constructor(code: CacheErrorCode, key: string) {
    super(code, `${key}: ${code}`, { retryable: CACHE_ERRORS[code].retryable });
  }
}
