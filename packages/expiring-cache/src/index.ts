export type { Fetch, FetchContext } from "./attempt.ts";
export { CACHE_ERRORS, CacheError, type CacheErrorCode } from "./cache-error.ts";
export type { CacheEntry, CacheEntryState, CacheEvent, FetchReason } from "./cache-report.ts";
export { type FetchOnce, OnDemandCache, type OnDemandCacheOptions } from "./on-demand-cache.ts";
export { type Answer, type Outcome, RefreshAheadCache, type RefreshAheadCacheOptions } from "./refresh-ahead-cache.ts";
export { firstRenewAtMs, REST_AFTER_SUCCESS_MS, renewAtMs, retryDelayMs, servableUntilMs } from "./renewal-policy.ts";
