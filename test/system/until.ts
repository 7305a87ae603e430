/** Waits for a condition of a node. */
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 50;
const LIMIT_MS = 15_000;

/** @throws Error with `what` if the condition does not hold in time. */
export async function until(
  what: string,
  isSo: () => Promise<boolean>,
  limitMs = LIMIT_MS,
  pollMs = POLL_MS,
): Promise<void> {
  for (const startedAtMs = performance.now(); performance.now() - startedAtMs < limitMs; ) {
    if (await isSo()) return;
    await sleep(pollMs);
  }
  throw new Error(`not so within ${limitMs / 1_000} s: ${what}`);
}
