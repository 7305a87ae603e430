/**
 * A few at once, the others in turn, a little apart: whoever asks again as soon as he is answered is slowed down, and what
 * is more urgent gets in between. Knows nothing of what is done.
 */
import type { Clock } from "@ocir-broker/foundation";

export interface Turns {
  /** Now or in turn. False when too many wait: it will not be done. */
  take(work: () => void): boolean;
}

export interface TurnsOptions {
  readonly clock: Clock;
  /** So many begin within each `everyMs`. */
  readonly atOnce: number;
  readonly everyMs: number;
  readonly maxWaiting: number;
}

export function createTurns({ clock, atOnce, everyMs, maxWaiting }: TurnsOptions): Turns {
  const waiting: (() => void)[] = [];
  let isOpen = false;
  let begun = 0;

  function openTurn(): void {
    isOpen = true;
    begun = 0;
    clock.setTimer(nextTurn, everyMs);
  }

  function nextTurn(): void {
    isOpen = false;
    if (waiting.length === 0) return;
    openTurn();
    const next = waiting.splice(0, atOnce);
    begun = next.length;
    for (const work of next) work();
  }

  return {
    take(work) {
      if (!isOpen) openTurn();
      if (begun < atOnce) {
        begun += 1;
        work();
        return true;
      }
      if (waiting.length >= maxWaiting) return false;
      waiting.push(work);
      return true;
    },
  };
}
