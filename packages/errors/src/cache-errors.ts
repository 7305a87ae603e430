/** Errors of the cache itself. */
import { type FetchErrorText, NEXT, permanent, transient } from "./error-text.ts";

export const CACHE_ERRORS = {
  /** `close()` was called. */
  closed: permanent("the broker is stopping", "no action needed: the kubelet retries", 503),
  /** `fetch` returned a value that could not be served any more. */
  "expired-on-arrival": transient("the fetched value had already expired", NEXT.clock),
  /** `fetch` did not settle in time; its signal was aborted. */
  "fetch-timeout": transient("Oracle's services did not respond in time", NEXT.network, 504),
  /** `maxEntries` keys without a value are being fetched or waited for. */
  overloaded: transient("too many registry hosts are requested at once", NEXT.wait, 503),
  /** The caller's deadline passed before any fetch ended. */
  "wait-timeout": transient("no token was available in time", NEXT.wait, 504),
} as const satisfies Record<string, FetchErrorText>;

export type CacheErrorCode = keyof typeof CACHE_ERRORS;
