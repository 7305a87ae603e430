/**
 * One fetch under a time limit. It ends once: with a value, with an error, or out of time, and one that is out of time and
 * ignores its abort signal may still bring a value late. Knows nothing of what is held and when the next one comes.
 */
import type { Clock, Expiring, Timer } from "@ocir-broker/foundation";
import { CacheError } from "./cache-error.ts";
import type { FetchReason } from "./cache-report.ts";

export interface FetchContext {
  /** Aborted when the attempt is given up and when the cache is closed, never because a caller went away. */
  readonly signal: AbortSignal;
  readonly reason: FetchReason;
}

export type Fetch<V> = (key: string, context: FetchContext) => Promise<Expiring<V>>;

export interface Attempt {
  readonly kind: "fetching";
  readonly reason: FetchReason;
  readonly startedAtMs: number;
  readonly limit: Timer;
  /** Once. */
  readonly run: () => Promise<void>;
  /** Aborts it; whatever it still comes to is told to nobody. */
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

/** Its time runs from now on, the fetch begins with `run`. */
export function createAttempt<V>(
  key: string,
  reason: FetchReason,
  { fetch, clock, fetchLimitMs }: AttemptOptions<V>,
  { onFetched, onFailed }: AttemptOutcomes<V>,
): Attempt {
  const controller = new AbortController();
  let isAbandoned = false;
  const attempt: Attempt = {
    kind: "fetching",
    reason,
    startedAtMs: clock.monotonicMs(),
    limit: clock.setTimer(() => {
      const error = new CacheError("fetch-timeout", key);
      onFailed(attempt, error);
      controller.abort(error);
    }, fetchLimitMs),
    async run() {
      let entry: Expiring<V>;
      try {
        entry = await fetch(key, { signal: controller.signal, reason });
      } catch (error) {
        if (!isAbandoned) onFailed(attempt, error);
        return;
      }
      if (!isAbandoned) onFetched(attempt, entry);
    },
    abandon() {
      isAbandoned = true;
      attempt.limit.cancel();
      controller.abort();
    },
  };
  return attempt;
}
