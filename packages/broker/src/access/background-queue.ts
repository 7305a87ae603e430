/**
 * A bounded queue for background work: at most eight run at a time, started 10 ms apart and never in the middle of an
 * answer; more than 512 are refused.
 */
import type { Clock, Timer } from "@ocir-broker/foundation";

const MAX_RUNNING = 8;
const MAX_QUEUED = 512;
/** Between two starts; also what keeps the work out of the way of the answer that asked for it. */
const SPACING_MS = 10;

export interface BackgroundQueue {
  /** False if the queue is full or closed: the work is not run. */
  add(work: () => Promise<void>): boolean;
  /** Drops what waits; what runs goes on to its end. */
  close(): void;
}

export function createBackgroundQueue({ clock }: { clock: Clock }): BackgroundQueue {
  const queued: (() => Promise<void>)[] = [];
  let running = 0;
  let timer: Timer | undefined;
  let isClosed = false;

  function arm(): void {
    if (timer === undefined && queued.length > 0 && running < MAX_RUNNING) timer = clock.setTimer(start, SPACING_MS);
  }

  function start(): void {
    timer = undefined;
    const work = queued.shift();
    running += 1;
    const end = (): void => {
      running -= 1;
      arm();
    };
    // How work ends is its owner's business.
    work?.().then(end, end);
    arm();
  }

  return {
    add(work) {
      if (isClosed || queued.length >= MAX_QUEUED) return false;
      queued.push(work);
      arm();
      return true;
    },
    close() {
      isClosed = true;
      queued.length = 0;
      timer?.cancel();
      timer = undefined;
    },
  };
}
