/** The two ways in which a cache keeps its values: renewed ahead of their end, or on demand. Only constants. */
import { LONGEST_BACK_OFF_MS } from "@ocir-broker/foundation/time/back-off";

export interface CachePolicy {
  /** Whether values are renewed in the background. Otherwise only a caller starts a fetch, with what that caller brings. */
  readonly renewsAhead: boolean;
  /** Ceiling of the back-off after a failure. */
  readonly longestBackOffMs: number;
  /** Callers wait for a retry only this long after the first failure. Later they get the error at once, or after one more fetch. */
  readonly patienceMs: number;
  /** A key that has or had a value is dropped when nobody has asked for it for this long. */
  readonly idleMs: number;
}

/** For values that this process may fetch at any time, such as the node's tokens. */
export const RENEW_AHEAD: CachePolicy = {
  renewsAhead: true,
  longestBackOffMs: LONGEST_BACK_OFF_MS,
  patienceMs: Infinity,
  /** One day, so that a nightly job still finds its token warm. */
  idleMs: 24 * 60 * 60 * 1_000,
};

/** For values whose fetch needs something that only a caller has and that must not be kept, such as a pod's token. */
export const RENEW_ON_DEMAND: CachePolicy = {
  renewsAhead: false,
  /** Less than the 10 s after which a kubelet tries again at the earliest. */
  longestBackOffMs: 8_000,
  patienceMs: 10_000,
  /** Dropped when the value expires. */
  idleMs: Infinity,
};
