/** Waits for work, but no longer than a limit. */
import type { Clock } from "./clock.ts";

/** Resolves as soon as `work` has ended either way or `waitMs` have passed; true if the work has ended. */
export function settledWithin(work: Promise<unknown>, waitMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(() => resolve(false), waitMs);
    const end = (): void => {
      timer.cancel();
      resolve(true);
    };
    work.then(end, end);
  });
}
