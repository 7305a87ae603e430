export const REQUEST_OUTCOMES = ["hit", "stale", "miss", "coalesced", "denied", "foreign", "error"] as const;

/** How a request for credentials ended; "foreign" is an image of a registry that is not Oracle's. */
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];
