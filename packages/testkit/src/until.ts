import { setTimeout as sleep } from "node:timers/promises";

const LIMIT_MS = 30_000;
const POLL_MS = 50;

/**
 * Waits in real time until a condition holds.
 *
 * @param what the condition in words; a function that returns them is called at the end
 * @throws Error with `what` if it does not hold in time
 */
export async function until(
  what: string | (() => string),
  isSo: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS,
  pollMs = POLL_MS,
): Promise<void> {
  for (const startedAtMs = performance.now(); performance.now() - startedAtMs < limitMs; ) {
    if (await isSo()) return;
    await sleep(pollMs);
  }
  throw new Error(`not so within ${limitMs / 1_000} s: ${typeof what === "string" ? what : what()}`);
}
