/** Errors of the cache itself. An error of `fetch` is passed to the callers unchanged. */

import { OwnError } from "@ocir-broker/errors/describe-error";
import { CACHE_ERRORS, type CacheErrorCode } from "./error-codes.ts";

/** The message names the key and the code; the key is a registry host or another name that is no secret. */
export class CacheError extends OwnError<CacheErrorCode> {
  override readonly name = "CacheError";

  constructor(code: CacheErrorCode, key: string) {
    super(code, CACHE_ERRORS[code], `${key}: ${code}`);
  }
}
