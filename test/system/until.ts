/** Waits for a condition of a node. */
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 50;
const LIMIT_MS = 15_000;

/** @throws Error with `what` if the condition does not hold within 15 s. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < LIMIT_MS; waitedMs += POLL_MS) {
    if (await isSo()) return;
    await sleep(POLL_MS);
  }
  throw new Error(`not so within ${LIMIT_MS / 1_000} s: ${what}`);
}
