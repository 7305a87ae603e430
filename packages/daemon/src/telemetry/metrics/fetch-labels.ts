/** Label values that the fetches of tokens, sessions and service accounts share. */
import type { FetchReason } from "@ocir-broker/expiring-cache/cache-report";

export const FETCH_REASONS: readonly FetchReason[] = ["miss", "renewal", "refresh"];

export const FETCH_RESULTS = ["success", "failure"] as const;
export type FetchResult = (typeof FETCH_RESULTS)[number];
