/**
 * Decides when a value is renewed, and until when it may be served.
 *
 * Pure functions of numbers: no clock, no randomness, no state. Times are milliseconds on one clock; `chance` is a number in
 * [0, 1). Why these rules: docs/decisions/0002-two-clocks-a-token.md.
 */
import type { Expiring } from "@ocir-broker/foundation/expiring";

/** Renewal is due at half of the life: a served value is valid for the other half, the longest outage that stays unnoticed. */
const RENEW_AT = 0.5;

/** Share of the life by which the renewal moves either way, so that nodes that renew together drift apart. */
const RENEW_JITTER = 0.1;

const EARLIEST_RENEWAL = RENEW_AT - RENEW_JITTER;
const LATEST_RENEWAL = RENEW_AT + RENEW_JITTER;

/** Share of the life in which a value is never renewed, whatever the jitter: a value this new needs no successor. */
const EARLIEST_FIRST_RENEWAL = 0.05;

/** A value is not served in its last 30 s: the kubelet still has to use it, and clocks differ a little. */
const LARGEST_SKEW_MS = 30_000;

/** Nor in the last twentieth of its life, which is the smaller of the two for a life under 10 min. */
const SKEW_SHARE = 0.05;

/** Pause after a successful fetch, even if its value is short-lived: at most two fetches a second for one key. */
export const REST_AFTER_SUCCESS_MS = 500;

type Life = Omit<Expiring<unknown>, "value">;

/** When to renew a value that was itself renewed on time: between 40 % and 60 % of the life, or as near to half of it as `jitter`. */
export function renewAtMs(life: Life, chance: number, jitter = RENEW_JITTER): number {
  const share = RENEW_AT + jitter * (2 * chance - 1);
  return life.obtainedAtMs + Math.max(0, life.expiresAtMs - life.obtainedAtMs) * share;
}

/**
 * When to renew a value that callers waited for: at the start, after failures, by refresh. Whole fleets get such values
 * in the same minute, and a jitter of 10 % would keep them together for hours. So this renewal is anywhere between 5 %
 * and 60 % of the life. Its distribution is the one that nodes in regular operation have at any moment (the residual life of
 * a renewal process), so nodes that start together spread their requests evenly from then on.
 */
export function firstRenewAtMs(life: Life, chance: number): number {
  const residual =
    chance < EARLIEST_RENEWAL / RENEW_AT
      ? RENEW_AT * chance
      : LATEST_RENEWAL - Math.sqrt(4 * RENEW_AT * RENEW_JITTER * (1 - chance));
  const share = EARLIEST_FIRST_RENEWAL + residual * (1 - EARLIEST_FIRST_RENEWAL / LATEST_RENEWAL);
  return life.obtainedAtMs + Math.max(0, life.expiresAtMs - life.obtainedAtMs) * share;
}

/** The first instant at which the value is not served any more; never after its expiry. */
export function servableUntilMs(life: Life): number {
  const lifeMs = Math.max(0, life.expiresAtMs - life.obtainedAtMs);
  return life.expiresAtMs - Math.min(LARGEST_SKEW_MS, lifeMs * SKEW_SHARE);
}
