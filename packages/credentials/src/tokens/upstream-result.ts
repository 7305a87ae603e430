export const UPSTREAM_RESULTS = ["2xx", "3xx", "4xx", "401", "403", "404", "429", "5xx", "failed"] as const;
/** A response's status or its class; "failed" without a response. */
export type UpstreamResult = (typeof UPSTREAM_RESULTS)[number];

/** Statuses with a label value of their own. */
const SIGNIFICANT: Readonly<Record<number, UpstreamResult>> = { 401: "401", 403: "403", 404: "404", 429: "429" };

/** Converts a status to a label value: significant ones by number, others by their class. */
export function upstreamResult(status: number): UpstreamResult {
  if (status >= 500) return "5xx";
  if (status >= 400) return SIGNIFICANT[status] ?? "4xx";
  return status >= 300 ? "3xx" : "2xx";
}
