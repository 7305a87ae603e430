/** Waits that a caller can abort: for time to pass, and for a limiter's permission. */
import { addAbortListener } from "node:events";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { Limiter } from "@ocir-broker/foundation/time/limiter";
import { IdentityError } from "../identity-error.ts";

/** Resolves after `delayMs` on the monotonic clock, or when the signal aborts, which the caller must check. */
export async function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimer(resolve, delayMs);
  await settledOrAborted(promise, signal);
  timer.cancel();
}

/** Runs `work` when the limiter permits it. @throws {IdentityError} `aborted`, with `place`, if the signal aborts before. */
export async function runLimited<T>(
  limiter: Limiter,
  place: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const { promise: turn, resolve: begin } = Promise.withResolvers<void>();
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  limiter.add(() => {
    begin();
    return done;
  });
  try {
    await settledOrAborted(turn, signal);
    if (signal.aborted) throw new IdentityError("aborted", place);
    return await work();
  } finally {
    finish();
  }
}

async function settledOrAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, resolve: abort } = Promise.withResolvers<void>();
  using _listener = addAbortListener(signal, () => abort());
  await Promise.race([promise, aborted]);
}
