/** How long to wait after a failure, for every upstream. Pure. */

/** Ceiling after the first failure: about one request to a slow upstream. */
const FIRST_CEILING_MS = 500;

/** Jitter alone could draw zero, and a fetch that fails at once would spin. */
export const SHORTEST_BACK_OFF_MS = 100;

/** Highest ceiling: a program notices within a minute that an upstream works again. */
export const LONGEST_BACK_OFF_MS = 60_000;

/** Longest accepted `Retry-After`. A longer one is a mistake that would outlast half the life of a one-hour token. */
const LONGEST_RETRY_AFTER_MS = 300_000;

/**
 * Back-off after the `failures`-th failure in a row (1 and up): full jitter under a ceiling that doubles up to `longestMs`, added
 * to the server's `Retry-After`. Added, because a server under load sends all clients the same wait.
 *
 * @param chance in [0, 1); 1 for the ceiling itself.
 */
export function backOffMs(
  failures: number,
  chance: number,
  { longestMs = LONGEST_BACK_OFF_MS, retryAfterMs = 0 }: { longestMs?: number; retryAfterMs?: number | undefined } = {},
): number {
  const ceilingMs = Math.min(longestMs, FIRST_CEILING_MS * 2 ** (failures - 1));
  const waitMs = SHORTEST_BACK_OFF_MS + chance * (ceilingMs - SHORTEST_BACK_OFF_MS);
  return waitMs + (retryAfterMs > 0 ? Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) : 0);
}
