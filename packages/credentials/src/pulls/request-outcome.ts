export const REQUEST_OUTCOMES = [
  "hit",
  "stale",
  "miss",
  "coalesced",
  "denied",
  "foreign",
  "anonymous",
  "error",
] as const;

/**
 * How a request for credentials ended. "foreign" is an image of a registry that is not Oracle's; "anonymous" is a failure for a
 * service account, which gets the anonymous entry instead of an error.
 */
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];
