/**
 * Writes the metrics to a file for node-exporter's textfile collector every 15 s.
 *
 * The file is replaced by a rename, so a reader never sees part of it. Failures are counted, logged when they change, and
 * affect nothing else. The file remains after a stop; its time stamp shows its age.
 */
import { open, rename, rm } from "node:fs/promises";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { type Clock, type Timer, untilNextMs } from "@ocir-broker/foundation/time/clock";
import { settledWithin } from "@ocir-broker/foundation/time/settled-within";
import type { OngoingFailure } from "./ongoing-failure.ts";

export interface TextfileOptions {
  /** Its directory must exist. */
  readonly path: string;
  readonly clock: Clock;
  readonly failure: OngoingFailure;
  /** The text, including the time of rendering. */
  readonly render: () => Promise<string>;
  readonly onWritten: (result: "success" | "failure") => void;
}

const INTERVAL_MS = 15_000;

/** A hanging disk must not delay the daemon's stop. */
const CLOSE_LIMIT_MS = 1_000;

/** Readable by any user, since node-exporter is not in our group. */
const MODE = 0o644;

export function createTextfile({ path, clock, failure, render, onWritten }: TextfileOptions) {
  let timer: Timer | undefined;
  let isClosed = false;

  // Schedules the next write only after this one, so a hanging disk delays nothing else.
  async function write(): Promise<void> {
    try {
      await replaceFile(path, await render());
      onWritten("success");
      failure.ended();
    } catch (error) {
      onWritten("failure");
      failure.failed(codeOf(error), { path });
    }
    if (!isClosed) timer = clock.setTimer(begin, untilNextMs(INTERVAL_MS, clock.monotonicMs()));
  }

  let underway: Promise<void> = Promise.resolve();
  function begin(): void {
    underway = write();
  }

  return {
    /** Writes the first file at once. */
    begin,
    /** Starts no further write; resolves when the current one has ended, or after 1 s if the disk hangs. */
    async close(): Promise<void> {
      isClosed = true;
      timer?.cancel();
      await settledWithin(underway, CLOSE_LIMIT_MS, clock);
    },
  };
}

async function replaceFile(path: string, text: string): Promise<void> {
  // Does not end with `.prom`, so the collector ignores it.
  const unfinished = `${path}.new`;
  // A killed process may have left a file of another user: a dynamic user's id changes with every start.
  await rm(unfinished, { force: true });
  await using file = await open(unfinished, "wx", MODE);
  try {
    // Independent of the umask.
    await file.chmod(MODE);
    await file.writeFile(text);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw error;
  }
}
