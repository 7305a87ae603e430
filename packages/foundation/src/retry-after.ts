/** Parses the `Retry-After` header in both of its forms (RFC 9110, 10.2.3). Never waits. */
import type { UpstreamResponse } from "./upstream.ts";

/** More than a day is a mistake and counts as a day. */
const LONGEST_MS = 86_400_000;

/**
 * Milliseconds from the response; undefined if the header is missing or invalid. A date is compared with the response's own `Date`,
 * so that this machine's clock does not matter.
 */
export function retryAfterMsOf(response: Pick<UpstreamResponse, "headers" | "serverDateMs">): number | undefined {
  const text = response.headers["retry-after"]?.trim() ?? "";
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, LONGEST_MS);
  const dateMs = Date.parse(text);
  if (Number.isNaN(dateMs) || response.serverDateMs === undefined) return undefined;
  return Math.min(Math.max(dateMs - response.serverDateMs, 0), LONGEST_MS);
}
