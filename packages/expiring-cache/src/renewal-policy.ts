/**
 * When a value is renewed, until when it may be handed out, and how long to wait after a failure.
 *
 * Plain functions of numbers: no clock, no chance, no state. Times are milliseconds on the monotonic clock;
 * `chance` is a number in [0, 1). Why these rules: docs/decisions/0002-two-clocks-a-token.md.
 */

/** Renewal is due at half of the life: what is handed out has the other half left, and so has an outage to end. */
const RENEW_AT = 0.5;

/** Share of the life by which the renewal moves either way, so that nodes that renew together drift apart. */
const RENEW_JITTER = 0.1;

const EARLIEST_RENEWAL = RENEW_AT - RENEW_JITTER;
const LATEST_RENEWAL = RENEW_AT + RENEW_JITTER;

/** Share of the life in which a value is too new to be replaced, by chance as well: it would be a fetch for nothing. */
const EARLIEST_FIRST_RENEWAL = 0.05;

/** A value is not handed out in its last 30 s: the kubelet still has to use it, and clocks differ a little. */
const LARGEST_SKEW_MS = 30_000;

/** Nor in its last twentieth, which is the smaller of the two for a life under 10 min. */
const SKEW_SHARE = 0.05;

/** Ceiling of the first wait after a failure: about one exchange with a slow upstream. */
const FIRST_BACK_OFF_MS = 500;

/** Highest ceiling: an upstream that comes back is noticed within a minute. */
const LONGEST_BACK_OFF_MS = 60_000;

/** Lowest wait after a failure: chance alone could draw zero, and a fetch that fails at once would spin. */
const SHORTEST_BACK_OFF_MS = 100;

/** What a server may ask for with `Retry-After`. More is a mistake that would outlast half of an hour's token. */
const LONGEST_RETRY_AFTER_MS = 300_000;

/** Rest after a fetch that worked, however short the life it brought: at most two fetches a second for one key. */
export const REST_AFTER_SUCCESS_MS = 500;

export interface Life {
  readonly obtainedAtMs: number;
  readonly expiresAtMs: number;
}

/** When to fetch the successor of a value that was itself renewed on time: between 40 % and 60 % of the life. */
export function renewAtMs(life: Life, chance: number): number {
  const share = RENEW_AT + RENEW_JITTER * (2 * chance - 1);
  return life.obtainedAtMs + Math.max(0, life.expiresAtMs - life.obtainedAtMs) * share;
}

/**
 * When to fetch the successor of a value that was waited for: at the start, after failures, by refresh. Whole fleets
 * get such values in the same minute, and a jitter of 10 % would keep them together for hours. So this renewal is
 * anywhere between 5 % and 60 % of the life, distributed like the time that is left to the next renewal at a random
 * moment (the residual life of a renewal process): nodes that start together ask evenly from then on.
 */
export function firstRenewAtMs(life: Life, chance: number): number {
  const residual =
    chance < EARLIEST_RENEWAL / RENEW_AT
      ? RENEW_AT * chance
      : LATEST_RENEWAL - Math.sqrt(4 * RENEW_AT * RENEW_JITTER * (1 - chance));
  const share = EARLIEST_FIRST_RENEWAL + residual * (1 - EARLIEST_FIRST_RENEWAL / LATEST_RENEWAL);
  return life.obtainedAtMs + Math.max(0, life.expiresAtMs - life.obtainedAtMs) * share;
}

/** The first instant at which the value is not handed out any more; never later than its real end. */
export function servableUntilMs(life: Life): number {
  const lifeMs = Math.max(0, life.expiresAtMs - life.obtainedAtMs);
  return life.expiresAtMs - Math.min(LARGEST_SKEW_MS, lifeMs * SKEW_SHARE);
}

/**
 * How long to wait after the `failures`-th failure in a row (1 and up): full jitter under a ceiling that doubles,
 * on top of what the server asked for. On top, because a server under load asks all nodes for the same wait.
 */
export function retryDelayMs(failures: number, chance: number, retryAfterMs = 0): number {
  const ceilingMs = Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** (failures - 1));
  const backOffMs = SHORTEST_BACK_OFF_MS + chance * (ceilingMs - SHORTEST_BACK_OFF_MS);
  const askedMs = retryAfterMs > 0 ? Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) : 0;
  return askedMs + backOffMs;
}
