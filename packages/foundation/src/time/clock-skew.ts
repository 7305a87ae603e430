/** How far this node's clock may be off before OCI refuses its signatures. */

import { NEXT, transient } from "../error-text.ts";

export const CLOCK_SKEW = transient(
  "this node's clock is more than 5 minutes off, and OCI refuses its signatures",
  NEXT.clock,
);

/** Oracle's documentation of request signatures: OCI answers 401 beyond 5 minutes. */
const LARGEST_SKEW_MS = 300_000;

/** Also false if the server sent no date. Both times in epoch milliseconds. */
export function isSkewed(serverDateMs: number | undefined, wallMs: number): boolean {
  return serverDateMs !== undefined && Math.abs(serverDateMs - wallMs) > LARGEST_SKEW_MS;
}
