/**
 * Runs one fetch under a time limit. It ends once: with a value that can be served, with an error, or by timeout. After a timeout, a
 * fetch that ignores its abort signal may still deliver a value late. Does not know the cached value or the time of the next attempt.
 */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { CacheError } from "./cache-error.ts";
import type { FetchReason } from "./cache-report.ts";
import { servableUntilMs } from "./renewal-policy.ts";

export interface FetchContext {
  /** Aborted if the attempt is abandoned or the cache is closed, never because a caller left. */
  readonly signal: AbortSignal;
  readonly reason: FetchReason;
}

export type Fetch<V> = (key: string, context: FetchContext) => Promise<Expiring<V>>;

export interface Attempt {
  readonly kind: "fetching";
  readonly reason: FetchReason;
  readonly startedAtMs: number;
  /** Starts the fetch. Call once. */
  readonly run: () => Promise<void>;
  /** Aborts the fetch; its result is ignored. */
  readonly abandon: () => void;
}

export interface AttemptOptions<V> {
  readonly fetch: Fetch<V>;
  readonly clock: Clock;
  readonly fetchLimitMs: number;
}

export interface AttemptOutcomes<V> {
  readonly onFetched: (attempt: Attempt, entry: Expiring<V>) => void;
  readonly onFailed: (attempt: Attempt, error: unknown) => void;
}

/** The time limit starts now, the fetch with `run`. */
export function createAttempt<V>(
  key: string,
  reason: FetchReason,
  { fetch, clock, fetchLimitMs }: AttemptOptions<V>,
  { onFetched, onFailed }: AttemptOutcomes<V>,
): Attempt {
  const controller = new AbortController();
  let isAbandoned = false;
  const limit = clock.setTimer(() => {
    const error = new CacheError("fetch-timeout", key);
    onFailed(attempt, error);
    controller.abort(error);
  }, fetchLimitMs);
  function fail(error: unknown): void {
    limit.cancel();
    if (!isAbandoned) onFailed(attempt, error);
  }
  const attempt: Attempt = {
    kind: "fetching",
    reason,
    startedAtMs: clock.monotonicMs(),
    async run() {
      let entry: Expiring<V>;
      try {
        entry = await fetch(key, { signal: controller.signal, reason });
      } catch (error) {
        fail(error);
        return;
      }
      // Negated, so that NaN counts as not servable.
      if (!(servableUntilMs(entry) > clock.monotonicMs())) {
        fail(new CacheError("expired-on-arrival", key));
        return;
      }
      limit.cancel();
      if (!isAbandoned) onFetched(attempt, entry);
    },
    abandon() {
      isAbandoned = true;
      limit.cancel();
      controller.abort();
    },
  };
  return attempt;
}
