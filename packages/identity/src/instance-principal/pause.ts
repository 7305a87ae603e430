/** Waits that a caller can abort: for time to pass, and for a limiter's permission. */
import type { Clock, Limiter } from "@ocir-broker/foundation";
import { IdentityError } from "../identity-error.ts";

/** Resolves when `delayMs` of the monotonic clock have passed, or at once when the signal fires: look at it. */
export async function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (delayMs <= 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimer(resolve, delayMs);
  await settledOrAborted(promise, signal);
  timer.cancel();
}

/** Runs `work` when the limiter lets it. @throws {IdentityError} `aborted`, with `place`, if the signal fires before. */
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
  if (signal.aborted) return;
  const { promise: aborted, resolve: abort } = Promise.withResolvers<void>();
  const onAbort = (): void => abort();
  signal.addEventListener("abort", onAbort, { once: true });
  await Promise.race([promise, aborted]);
  signal.removeEventListener("abort", onAbort);
}
