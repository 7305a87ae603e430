/**
 * How fast we may ask the metadata service: a burst of five, then five a second.
 *
 * The service throttles without saying at what rate, and everything on the node shares it. One number is kept:
 * when a full burst would be free again.
 */
import type { Clock } from "@ocir-broker/foundation";

const BURST = 5;
const INTERVAL_MS = 200;

/** Takes the next place and tells how long to wait for it, in milliseconds. */
export type TakePlace = () => number;

export function createRequestPace(clock: Clock): TakePlace {
  let fullAtMs = 0;
  return () => {
    const nowMs = clock.monotonicMs();
    fullAtMs = Math.max(nowMs, fullAtMs) + INTERVAL_MS;
    return Math.max(0, fullAtMs - nowMs - BURST * INTERVAL_MS);
  };
}
