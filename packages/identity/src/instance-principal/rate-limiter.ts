/**
 * Token bucket (GCRA) for the metadata service: a burst of five, then five a second.
 *
 * The service throttles without saying at what rate, and everything on the node shares it. One number is kept:
 * when a full burst would be free again.
 */
import type { Clock } from "@ocir-broker/foundation";

const BURST = 5;
const INTERVAL_MS = 200;

export interface RateLimiter {
  /** Reserves the next request. @returns how long to wait before it is sent, in milliseconds. */
  reserve(): number;
}

export function createRateLimiter(clock: Clock): RateLimiter {
  let fullAtMs = 0;
  return {
    reserve() {
      const nowMs = clock.monotonicMs();
      fullAtMs = Math.max(nowMs, fullAtMs) + INTERVAL_MS;
      return Math.max(0, fullAtMs - nowMs - BURST * INTERVAL_MS);
    },
  };
}
