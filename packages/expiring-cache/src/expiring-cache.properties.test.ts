/** Checks invariants of the cache under random lives, clock moves, suspends, failures, hangs, callers and refreshes. */
import { createFakeClock, type FakeClock } from "@ocir-broker/testkit/fake-clock";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createFetchDouble, type FetchCall, failing } from "../test/fetch-double.ts";
import { RENEW_AHEAD, RENEW_ON_DEMAND } from "./cache-policy.ts";
import { ExpiringCache } from "./expiring-cache.ts";
import { servableUntilMs } from "./renewal-policy.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const FETCH_LIMIT_MS = 15_000;
/** Minimum time between the starts of two fetches of one key: the shortest back-off, 100 ms, less rounding. */
const LEAST_GAP_MS = 99.999;
const LONGEST_WAIT_MS = 2 * MINUTE;

const key = fc.constantFrom("a", "b", "c");
const span = (maxMs: number) => fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: maxMs }));

/** How one fetch ends. `ignoresAbort`: it continues after its signal and delivers its value late. */
const ending = fc.record({
  kind: fc.constantFrom("value", "value", "error", "error", "hang"),
  afterMs: span(FETCH_LIMIT_MS * 2),
  lifeMs: fc.oneof(fc.integer({ min: -1_000, max: 2_000 }), fc.integer({ min: 0, max: 3 * HOUR })),
  ignoresAbort: fc.boolean(),
  retryable: fc.boolean(),
  retryAfterMs: fc.option(fc.integer({ min: -1, max: HOUR }), { nil: undefined }),
});
type Ending = typeof ending extends fc.Arbitrary<infer E> ? E : never;

const DEEDS = ["get", "refresh", "pin", "put", "advance", "suspend", "jumpWall"] as const;
const step = fc.record({
  do: fc.constantFrom(...DEEDS, "get", "get", "get", "refresh", "advance", "advance", "advance"),
  key,
  ms: span(HOUR),
  ageMs: span(HOUR),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const story = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 40 }),
  endings: fc.array(ending, { minLength: 1, maxLength: 20 }),
  chances: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 7 }),
  maxEntries: fc.constantFrom(1, 2, 256),
  policy: fc.constantFrom(RENEW_AHEAD, RENEW_ON_DEMAND),
});

/** Ends each call with the next of `endings`; starts over at the end of the list. */
function endAsTold(clock: FakeClock, endings: readonly Ending[]): (call: FetchCall) => void {
  let calls = 0;
  return (call) => {
    const ending = endings[calls++ % endings.length] as Ending;
    const ignoresAbort = ending.kind === "value" && ending.ignoresAbort;
    if (!ignoresAbort) call.signal.addEventListener("abort", () => call.fail(call.signal.reason));
    if (ending.kind === "value") clock.setTimer(() => call.succeed(ending.lifeMs), ending.afterMs);
    if (ending.kind === "error") clock.setTimer(() => call.fail(failing("told", ending)), ending.afterMs);
  };
}

test("ExpiringCache serves no expired value, never fetches concurrently, and survives failures", {
  timeout: 30_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(story, async ({ steps, endings, chances, maxEntries, policy }) => {
      const clock = createFakeClock();
      const upstream = createFetchDouble(clock);
      upstream.behaviour = endAsTold(clock, endings);
      let draws = 0;
      const random = () => chances[draws++ % chances.length] as number;
      const broken: string[] = [];
      const underWay = new Map<string, number>();
      const startedAtMs = new Map<string, number>();
      const refreshes = new Map<string, number>();
      /** The value served after the latest event that may change it. */
      const held = new Map<string, { value: string; obtainedAtMs: number; expiresAtMs: number }>();
      let asked = 0;
      let answered = 0;

      const cache: ExpiringCache<string> = new ExpiringCache({
        policy,
        async fetch(key, context) {
          const [before, nowMs] = [underWay.get(key) ?? 0, clock.monotonicMs()];
          if (before > 0) broken.push(`${key}: a second fetch beside the first`);
          if (nowMs - (startedAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < LEAST_GAP_MS)
            broken.push(`${key}: fetched again at once`);
          startedAtMs.set(key, nowMs);
          underWay.set(key, before + 1);
          // An aborted fetch does not count any more, whether or not it has noticed.
          let isOurs = true;
          const leave = () => {
            if (isOurs) underWay.set(key, (underWay.get(key) ?? 0) - 1);
            isOurs = false;
          };
          context.signal.addEventListener("abort", leave);
          return upstream.fetch(key, context).finally(leave);
        },
        clock,
        random,
        maxEntries,
        fetchLimitMs: FETCH_LIMIT_MS,
        onEvent(event) {
          const [before, after] = [held.get(event.key), cache.peek(event.key)];
          const wasValid = before !== undefined && clock.monotonicMs() < servableUntilMs(before);
          if (event.type === "dropped") {
            held.delete(event.key);
            // A dropped key loses its back-off too: that is the price of the bound.
            startedAtMs.delete(event.key);
          } else if (event.type === "fetched" && after !== undefined) {
            held.set(event.key, after);
            const isWorse = wasValid && servableUntilMs(after) < servableUntilMs(before);
            const isRefresh = event.reason === "refresh" || (refreshes.get(event.key) ?? 0) > 0;
            if (isWorse && !isRefresh) broken.push(`${event.key}: a worse value took the place of a better one`);
          } else if (wasValid && after !== before) {
            broken.push(`${event.key}: lost a valid value on "${event.type}"`);
          }
        },
      });

      /** A value that was served is still served until its time is over. */
      function checkHeld(): void {
        for (const [key, entry] of held) {
          const expected = clock.monotonicMs() < servableUntilMs(entry) ? entry : undefined;
          const seen = cache.peek(key);
          if (seen !== expected) broken.push(`${key}: ${seen?.value} in place of ${expected?.value}`);
        }
      }

      let sleptSinceMs = Number.NEGATIVE_INFINITY;

      const deeds: Record<Step["do"], (step: Step) => Promise<void> | void> = {
        get({ key, ms }) {
          const [fromMs, waitMs] = [clock.monotonicMs(), Math.min(ms, LONGEST_WAIT_MS)];
          asked++;
          const check = (entry?: { expiresAtMs: number }): void => {
            answered++;
            const nowMs = clock.monotonicMs();
            if (entry !== undefined && nowMs >= entry.expiresAtMs) broken.push(`${key}: handed out what has run out`);
            if (nowMs > fromMs + waitMs && sleptSinceMs < fromMs) broken.push(`${key}: waited longer than asked`);
          };
          cache.get(key, { waitMs }).then(
            ({ entry }) => check(entry),
            () => check(),
          );
        },
        refresh({ key }) {
          asked++;
          refreshes.set(key, (refreshes.get(key) ?? 0) + 1);
          const end = (): void => {
            answered++;
            refreshes.set(key, (refreshes.get(key) ?? 0) - 1);
          };
          cache.refresh(key).then(end, end);
        },
        pin: ({ key }) => cache.pin(key),
        put({ key, ms, ageMs }) {
          const nowMs = clock.monotonicMs();
          const before = cache.peek(key);
          const entry = { value: "put", obtainedAtMs: nowMs - ageMs, expiresAtMs: nowMs + ms };
          try {
            cache.put(key, entry);
          } catch {
            // Overloaded.
          }
          const after = cache.peek(key);
          if (before !== undefined && after !== before && after !== entry) broken.push(`${key}: lost by put`);
          if (after !== undefined) held.set(key, after);
        },
        advance: ({ ms }) => clock.advance(ms),
        async suspend({ ms }) {
          sleptSinceMs = clock.monotonicMs();
          await clock.suspend(5 * ms);
          sleptSinceMs = clock.monotonicMs();
        },
        jumpWall: ({ ms, ageMs }) => clock.jumpWall(ms - ageMs),
      };

      for (const step of steps) {
        const done = deeds[step.do](step);
        // Otherwise the next deed follows in the same turn.
        if (done !== undefined) await done;
        checkHeld();
      }
      await clock.advance(LONGEST_WAIT_MS + FETCH_LIMIT_MS);
      expect(broken).toEqual([]);
      expect(answered).toBe(asked);
      // One timer a key and one for its fetch; the other timers are the double's own.
      cache.close();
      await clock.advance(2 * FETCH_LIMIT_MS);
      expect(clock.armed()).toEqual([]);
    }),
    { numRuns: 200 },
  );
});
