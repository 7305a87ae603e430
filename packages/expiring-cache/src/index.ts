export { CacheError } from "./cache-error.ts";
export type { CacheEntry, CacheEvent, FetchReason } from "./cache-report.ts";
export { OnDemandCache, type OnDemandCacheOptions } from "./on-demand-cache.ts";
export { type Answer, type Outcome, RefreshAheadCache } from "./refresh-ahead-cache.ts";
export { renewAtMs, servableUntilMs } from "./renewal-policy.ts";
