/** Waits that a caller can abort: for time to pass, and for a mutex. */
import type { Clock } from "@ocir-broker/foundation";
import { IdentityError } from "../identity-error.ts";

/** Resolves when `delayMs` of the monotonic clock have passed, or at once when the signal fires: look at it. */
export async function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (delayMs <= 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimer(resolve, delayMs);
  await settledOrAborted(promise, signal);
  timer.cancel();
}

/** Runs what it is given one at a time, in the order of asking. @throws {IdentityError} `aborted` to who gave up waiting. */
export type Mutex = <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** `place` names in errors what the mutex protects. */
export function createMutex(place: string): Mutex {
  let last: Promise<void> = Promise.resolve();
  return async (signal, work) => {
    const before = last;
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    last = before.then(() => done);
    try {
      await settledOrAborted(before, signal);
      if (signal.aborted) throw new IdentityError("aborted", place);
      return await work();
    } finally {
      finish();
    }
  };
}

async function settledOrAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise: aborted, resolve: abort } = Promise.withResolvers<void>();
  const onAbort = (): void => abort();
  signal.addEventListener("abort", onAbort, { once: true });
  await Promise.race([promise, aborted]);
  signal.removeEventListener("abort", onAbort);
}
