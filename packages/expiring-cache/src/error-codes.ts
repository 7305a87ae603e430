/** The codes of the cache itself. An error of `fetch` keeps its own. */
import { type ErrorRow, NEXT, permanent, transient } from "@ocir-broker/errors/error-row";

export const CACHE_ERRORS = {
  /** `close()` was called. */
  closed: permanent("the broker is stopping", NEXT.wait),
  /** `fetch` returned a value that could not be served any more. */
  "expired-on-arrival": transient("the fetched value had already expired", NEXT.clock),
  /** `fetch` did not settle in time; its signal was aborted. */
  "fetch-timeout": transient("Oracle's services did not respond in time", NEXT.network),
  /** `maxEntries` keys without a value are being fetched or waited for. */
  overloaded: transient("too many registry hosts are requested at once", NEXT.wait),
  /** The caller's deadline passed before any fetch ended. */
  "wait-timeout": transient("no token was available in time", NEXT.wait),
} as const satisfies Record<string, ErrorRow>;

export type CacheErrorCode = keyof typeof CACHE_ERRORS;
