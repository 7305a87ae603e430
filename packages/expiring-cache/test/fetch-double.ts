/** A `fetch` for tests: records each call; the test, or a behaviour, decides how and when it ends. */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { RENEW_AHEAD } from "../src/cache-policy.ts";
import type { CacheEvent } from "../src/cache-report.ts";
import type { FetchContext } from "../src/cache-slot.ts";
import { ExpiringCache, type ExpiringCacheOptions } from "../src/expiring-cache.ts";

/** The chance for which a value that callers waited for is renewed at half of its life, as 0.5 does for other values. */
export const FIRST_RENEWAL_AT_HALF = 0.940_495_867_768_595_1;

export interface FetchCall extends FetchContext<void> {
  readonly key: string;
  readonly atMs: number;
  /** Succeeds with a value obtained now, named `<key>#<number of the call>`. */
  succeed(lifeMs: number): void;
  fail(error: unknown): void;
}

export function createFetchDouble(clock: Clock) {
  const double = {
    calls: [] as FetchCall[],
    /** Runs on each call as it comes in. */
    behaviour: (_call: FetchCall): void => undefined,
    fetch(key: string, context: FetchContext<void>): Promise<Expiring<string>> {
      const { promise, resolve, reject } = Promise.withResolvers<Expiring<string>>();
      const value = `${key}#${double.calls.length + 1}`;
      const call = {
        ...context,
        key,
        atMs: clock.monotonicMs(),
        succeed(lifeMs: number) {
          const obtainedAtMs = clock.monotonicMs();
          resolve({ value, obtainedAtMs, expiresAtMs: obtainedAtMs + lifeMs });
        },
        fail: reject,
      };
      double.calls.push(call);
      double.behaviour(call);
      return promise;
    },
  };
  return double;
}

/** A cache on a fake clock that fetches from a double. */
export function createCache(options: Partial<ExpiringCacheOptions<string, void>> = {}) {
  const clock = createFakeClock();
  const upstream = createFetchDouble(clock);
  const events: CacheEvent[] = [];
  const onEvent = (event: CacheEvent) => void events.push(event);
  const { fetch } = upstream;
  const cache = new ExpiringCache<string>({
    policy: RENEW_AHEAD,
    fetch,
    clock,
    random: () => 0.5,
    onEvent,
    ...options,
  });
  return { clock, upstream, events, cache };
}

/** An error as upstream packages throw it. */
export function failing(message: string, hint: { retryable?: boolean; retryAfterMs?: number | undefined } = {}): Error {
  return Object.assign(new Error(message), { retryable: true, ...hint });
}
