import type { Clock } from "./clock.ts";

/** Resolves when `work` has settled, with true, or after `waitMs`, with false. */
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
