export type { Fetch, FetchContext } from "./attempt.ts";
export type { CacheEntry, CacheEntryState, CacheEvent, FetchReason } from "./cache-report.ts";
export { firstRenewAtMs, REST_AFTER_SUCCESS_MS, renewAtMs, retryDelayMs, servableUntilMs } from "./renewal-policy.ts";
export { type Answer, type Outcome, TokenCache, type TokenCacheOptions } from "./token-cache.ts";
export { TokenCacheError, type TokenCacheErrorCode } from "./token-cache-error.ts";
