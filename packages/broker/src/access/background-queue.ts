/**
 * A bounded queue for background work: runs at most eight tasks at a time, starts them 10 ms apart, and refuses work if 512
 * tasks wait.
 */
import type { Clock, Timer } from "@ocir-broker/foundation";

const MAX_RUNNING = 8;
const MAX_QUEUED = 512;
/** Between two starts, and before the first, so that the answer that caused the work is written before it starts. */
const SPACING_MS = 10;

export interface BackgroundQueue {
  /** Returns false, and does not run the work, if the queue is full or closed. */
  add(work: () => Promise<void>): boolean;
  /** Drops queued work; running work finishes. */
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
    // The caller that queued the work handles its failure.
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
