/**
 * A fake clock for code on real sockets: short timers (rate limits, spacings) fire as soon as the code waits for them, long ones
 * (renewals, back-off, deadlines) only when the test advances the time.
 */
import { setImmediate, setTimeout } from "node:timers/promises";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";

/** Longer than every spacing, shorter than every back-off, deadline and renewal. */
const SHORT_MS = 300;

/** The longest pause within a fetch: between two attempts at the metadata service, with a random number of 0.5. */
const PAUSE_MS = 1_100;

/** Longer than any request on loopback (real time): work that has not ended is in such a pause. */
const STILL_MS = 400;

const LONGEST_WAIT_MS = 30_000;

export function createDrivenClock() {
  const clock = createFakeClock();

  /** Moves the clock only over timers that are due within 300 ms, until a condition holds. */
  async function driveUntil(isTrue: () => boolean): Promise<void> {
    let movedAtMs = performance.now();
    const endsAtMs = performance.now() + LONGEST_WAIT_MS;
    while (!isTrue()) {
      if (performance.now() > endsAtMs) throw new Error(`nothing came of it; armed: ${clock.armed().join(", ")}`);
      const nextMs = clock.armed()[0];
      const isStill = performance.now() - movedAtMs > STILL_MS;
      if (nextMs !== undefined && nextMs <= (isStill ? PAUSE_MS : SHORT_MS)) {
        await clock.advance(nextMs);
        movedAtMs = performance.now();
      } else await setTimeout(1);
      await setImmediate();
    }
  }

  /** Waits for `work` the same way. */
  async function drive<T>(work: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = work.finally(() => {
      isSettled = true;
    });
    settled.catch(() => undefined);
    await driveUntil(() => isSettled);
    return settled;
  }

  /** Advances the time, but never during a request. */
  async function pass(ms: number, broker: { isFetching(): boolean }): Promise<void> {
    const endsAtMs = clock.monotonicMs() + ms;
    for (let leftMs = ms; leftMs > 0; leftMs = endsAtMs - clock.monotonicMs()) {
      await clock.advance(Math.min(leftMs, clock.armed()[0] ?? leftMs));
      await driveUntil(() => !broker.isFetching());
    }
  }

  return { ...clock, drive, driveUntil, pass };
}
