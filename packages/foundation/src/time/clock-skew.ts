/** How far this node's clock may be off before OCI refuses what it signed. */

import { NEXT, transient } from "../error-text.ts";

export const CLOCK_SKEW = transient(502, "this node's clock is more than 5 minutes off", NEXT.clock);

/** Oracle's documentation of request signatures: more than 5 minutes is answered with 401. */
const LARGEST_SKEW_MS = 300_000;

/** False also where the server sent no date: then we know nothing. Both in epoch milliseconds. */
export function isSkewed(serverDateMs: number | undefined, wallMs: number): boolean {
  return serverDateMs !== undefined && Math.abs(serverDateMs - wallMs) > LARGEST_SKEW_MS;
}
