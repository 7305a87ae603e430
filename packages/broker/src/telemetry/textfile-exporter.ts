/**
 * The metrics as a file for node-exporter's textfile collector, replaced whole every 15 s.
 *
 * A reader sees one whole file or another, never a part: it is written beside and renamed. What goes wrong is counted
 * and logged when it changes, and is nobody else's trouble. The file stays after a stop and is seen to be old.
 */
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import type { Clock, Timer } from "@ocir-broker/foundation";
import { codeOf } from "../errors/describe-error.ts";
import type { Log } from "./log.ts";

export interface Textfile {
  /** No further write is begun; resolves when the one under way has ended. */
  close(): Promise<void>;
}

export interface TextfileOptions {
  /** In a directory that exists. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The text with the time of this very rendering in it. */
  readonly render: () => Promise<string>;
  readonly onWritten: (result: "success" | "failure") => void;
}

const INTERVAL_MS = 15_000;

/** Everyone may read it: node-exporter is not of our group. */
const MODE = 0o644;

/** The first file comes at once. */
export function startTextfile({ path, clock, log, render, onWritten }: TextfileOptions): Textfile {
  let timer: Timer | undefined;
  let isClosed = false;
  let failingWith: string | undefined;

  // The next write is planned when the last has ended: a disk that hangs holds up this file and nothing else.
  async function write(): Promise<void> {
    try {
      await replaceFile(path, await render());
      onWritten("success");
      if (failingWith !== undefined) log.info({ path }, "metrics file written again");
      failingWith = undefined;
    } catch (error) {
      onWritten("failure");
      const code = codeOf(error);
      if (code !== failingWith) log.warn({ path, code }, "metrics file not written");
      failingWith = code;
    }
    if (!isClosed) timer = clock.setTimer(begin, INTERVAL_MS);
  }

  let underway: Promise<void>;
  function begin(): void {
    underway = write();
  }

  begin();
  return {
    close() {
      isClosed = true;
      timer?.cancel();
      return underway;
    },
  };
}

async function replaceFile(path: string, text: string): Promise<void> {
  // No `.prom` at its end, so the collector does not read it.
  const unfinished = `${path}.new`;
  // One left by a process that was killed may be another user's: a dynamic user is another one every time.
  await unlink(unfinished).catch(unlessMissing);
  const file = await open(unfinished, "wx", MODE);
  try {
    await fill(file, text);
    await rename(unfinished, path);
  } catch (error) {
    await unlink(unfinished).catch(() => undefined);
    throw error;
  }
}

async function fill(file: FileHandle, text: string): Promise<void> {
  try {
    // Whatever our umask is.
    await file.chmod(MODE);
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
