import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits in real time until a condition holds.
 *
 * @param what the condition in words; a function that returns them is called at the end
 * @throws Error with `what` if it does not hold in time
 */
export async function until(
  what: string | (() => string),
  isSo: () => boolean | Promise<boolean>,
  limitMs = 30_000,
  pollMs = 50,
): Promise<void> {
  for (const startedAtMs = performance.now(); performance.now() - startedAtMs < limitMs; ) {
    if (await isSo()) return;
    await sleep(pollMs);
  }
  throw new Error(`not so within ${limitMs / 1_000} s: ${typeof what === "string" ? what : what()}`);
}
