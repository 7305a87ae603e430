import type { Clock } from "./clock.ts";

/** Resolves after `delayMs`; does not keep the process alive. */
export function sleep(delayMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(resolve, delayMs));
}
